# Notificaciones. De cada plantilla: título, texto, y el mensaje de texto corto donde va por SMS.

welcome-title = Te damos la bienvenida a Gasolinera JSM
welcome-body = Tu cuenta está lista. Canjea cupones en la bomba, junta boletos y participa en los sorteos.

employment-title = { $active ->
    [yes] Ya trabajas en la estación { $station_code }
   *[no] Terminó tu trabajo en la estación { $station_code }
}
employment-body = { $active ->
    [yes] Tu número de empleado es { $employee_number }. Vuelve a iniciar sesión para usar tus nuevos permisos.
   *[no] El número de empleado { $employee_number } ya no da acceso a la estación. Tu cuenta de cliente sigue activa.
}
employment-sms = { $active ->
    [yes] Gasolinera JSM: ya trabajas en la estación { $station_code }.
   *[no] Gasolinera JSM: terminó tu acceso a la estación { $station_code }.
}

tickets-title = { $count ->
    [one] Tienes un boleto nuevo
   *[other] Tienes { $count } boletos nuevos
}
tickets-body = { $raffle_code ->
    [none] Elige el sorteo en el que quieres participar.
   *[other] Participas en el sorteo { $raffle_code }.
}

redemption-title = Cupón canjeado
redemption-body = Canjeaste un cupón en la estación { $station_code }. Referencia: { $reference }.

winner-title = ¡Ganaste en el sorteo { $raffle_code }!
winner-body = Tu boleto { $ticket_number } ganó: { $prize_name }. Reclámalo en la aplicación hasta el { $claim_deadline }; después pasa a otra persona.
winner-sms = Gasolinera JSM: tu boleto { $ticket_number } ganó: { $prize_name }. Reclámalo en la app hasta el { $claim_deadline }. Nunca pedimos pagos ni códigos.

prize-claimed-title = Recibimos tu reclamo del premio
prize-claimed-body = Reclamaste { $prize_name } del sorteo { $raffle_code } con el boleto { $ticket_number }. La aplicación muestra cómo avanza.

email-greeting = Hola, { $name }:
email-footer = Recibes este correo porque tienes una cuenta en Gasolinera JSM. Elige lo que quieres recibir en tu perfil.

# La bandeja de desarrollo.
inbox-title = Bandeja de desarrollo
inbox-about = Los mensajes y correos que este entorno no envía. La página se actualiza sola.
inbox-empty = Todavía no hay mensajes.
inbox-sms = Mensaje de texto
inbox-email = Correo
