# La puerta: inicio, entrar con un código, registrarse, segundo factor, términos.

home-title = Cupones digitales de gasolina
home-about = Recibe cupones en tu teléfono, canjéalos en la bomba y paga menos por cada litro. Cada compra junta boletos para sorteos cuyo resultado cualquiera puede comprobar.
home-log-in = Entrar
home-register = Crear cuenta
home-fairness = Sorteos y resultados
home-fairness-about = Quién ganó, cómo se eligió y cómo comprobarlo en tu navegador.
home-stations = Estaciones
home-stations-about = Dónde están, qué venden y a qué precio.
home-steps = Así funciona
home-step-1 = Abre tu cupón
home-step-1-about = Su código QR está en tu cartera y funciona sin conexión.
home-step-2 = Muéstralo en la bomba
home-step-2-about = El descuento se aplica en ese momento.
home-step-3 = Participa
home-step-3-about = Con cada compra recibes boletos para los sorteos.

login-title = Entra con tu teléfono
login-about = Te enviamos un código de seis dígitos por mensaje de texto. No hay contraseñas.
login-country = País
login-phone = Número de celular
login-phone-hint = Por ejemplo 55 1234 5678.
login-send = Enviar código
login-no-account = ¿Todavía no tienes cuenta?
login-have-account = ¿Ya tienes cuenta?

country-52 = México (+52)
country-506 = Costa Rica (+506)
country-502 = Guatemala (+502)
country-503 = El Salvador (+503)
country-504 = Honduras (+504)
country-505 = Nicaragua (+505)
country-507 = Panamá (+507)
country-501 = Belice (+501)
country-1 = Estados Unidos, Canadá, Puerto Rico (+1)
country-other = +{ $prefix }

code-title = Escribe el código
code-about = Si hay una cuenta con el número que termina en { $ending }, le llegó un mensaje con seis dígitos.
code-about-new = Al número que termina en { $ending } le llegó un mensaje con seis dígitos.
code-field = Código de seis dígitos
code-hint = Sirve durante cinco minutos. No lo compartas con nadie.
code-send = Entrar
code-again = Enviar otro código
code-again-in = Podrás pedir otro código en { $seconds ->
    [one] un segundo
   *[other] { $seconds } segundos
}.
code-again-soon = Si no llega, pide otro después de un minuto.
code-other-phone = Usar otro número
code-development = En este entorno los mensajes no salen:
code-inbox = abrir la bandeja de mensajes

register-title = Crea tu cuenta
register-about = Solo hace falta tu celular: te enviamos un código para comprobar que es tuyo.
register-first-name = Nombre
register-last-name = Apellidos
register-email = Correo electrónico
register-email-hint = Ahí te enviamos comprobantes.
register-language = Idioma
register-terms = Acepto los términos de uso
register-terms-read = Leer los términos
register-age = Tengo 18 años o más
register-send = Enviar código

language-es = Español
language-en = English

factor-title = Confirma que eres tú
factor-about = Escribe el código que muestra tu aplicación de autenticación.
factor-field = Código
factor-hint = Seis dígitos, o uno de tus códigos de recuperación.
factor-send = Confirmar
factor-lost = ¿Perdiste la aplicación y los códigos? Otra persona administradora puede quitar tu segundo factor.
factor-log-out = Salir

enrol-title = Protege tu cuenta con un segundo factor
enrol-needed = Tu cuenta administra datos de otras personas y dinero, por eso pide algo más que el teléfono: un código de una aplicación de autenticación.
enrol-apps = Sirve cualquier aplicación de códigos de un solo uso (TOTP), por ejemplo la de tu gestor de contraseñas.
enrol-begin = Empezar
enrol-scan = Escanea este código con tu aplicación
enrol-qr = Código QR para la aplicación de autenticación
enrol-by-hand = ¿No puedes escanear? Escribe esta clave en la aplicación:
enrol-code = Código que muestra la aplicación
enrol-code-hint = Seis dígitos. Cambian cada 30 segundos.
enrol-confirm = Activar
recovery-title = Guarda tus códigos de recuperación
recovery-about = Cada uno sirve una sola vez si pierdes tu aplicación. Es la única vez que los mostramos: imprímelos o guárdalos en un lugar seguro.
recovery-kept = Ya los guardé, continuar

refused-phone-malformed = Escribe un número de teléfono, por ejemplo 55 1234 5678.
refused-phone-impossible = Ningún teléfono tiene este número. Revisa sus dígitos.
refused-phone-country = Los números de ese país no se pueden usar aquí.
refused-phone-not-mobile = Este número no recibe mensajes de texto. Usa el de un celular.
refused-limited = Se pidieron demasiados códigos. Podrás pedir otro en { $wait }.
refused-locked = Hubo demasiados códigos equivocados. Por seguridad nadie puede entrar con este número hasta dentro de { $wait }.
refused-wrong = El código no es correcto. { $left ->
    [0] Pide otro código.
    [one] Te queda un intento.
   *[other] Te quedan { $left } intentos.
}
refused-over = Este código ya no sirve. Pide otro.
refused-inactive = Esta cuenta está desactivada. Escribe a soporte.
refused-code-shape = Escribe los seis dígitos del mensaje.
refused-terms = Hay términos nuevos: vuelve a cargar la página y acéptalos.
refused-name = Escribe un nombre que se pueda leer.
refused-email = Revisa el correo: debe verse como nombre@ejemplo.com.
refused-must-accept = Para crear la cuenta hace falta aceptarlo.
refused-factor-wrong = El código no es correcto. Cada código sirve una vez: espera el siguiente.
refused-factor-shape = Escribe seis dígitos, o un código de recuperación como ABCD-EFGH-IJKL-2345.
wait-seconds = { $count ->
    [one] un segundo
   *[other] { $count } segundos
}
wait-minutes = { $count ->
    [one] un minuto
   *[other] { $count } minutos
}
wait-hours = { $count ->
    [one] una hora
   *[other] { $count } horas
}

said-over = El código venció o se pidió en otro navegador. Pide uno nuevo.
said-again = Te enviamos otro código. El anterior ya no sirve.
said-bye = Saliste de tu cuenta.
said-erased = Tu cuenta fue eliminada. Gracias por haber estado aquí.

terms-title = Términos de uso
terms-version = Versión { $version }
terms-what = Qué es
terms-what-text = Gasolinera JSM te da cupones digitales que descuentan del precio del combustible en las estaciones participantes, y boletos para sorteos.
terms-who = Quién puede usarla
terms-who-text = Personas de 18 años o más, con un celular propio. Una cuenta por persona; los cupones son personales y no se venden.
terms-coupons = Cupones
terms-coupons-text = Cada cupón dice cuánto descuenta, en qué estaciones, para qué combustibles y hasta cuándo. Se usa las veces que indica y no se cambia por dinero.
terms-raffles = Sorteos
terms-raffles-text = Cada sorteo tiene sus propios términos, publicados antes de que empiece. Los ganadores se eligen con un número público que nadie conoce de antemano, y cualquiera puede comprobarlo.
terms-data = Tus datos
terms-data-text = Guardamos tu teléfono, tu nombre y lo que haces aquí para dar el servicio y evitar fraudes. Puedes descargar todo y eliminar tu cuenta cuando quieras, en tu perfil.
terms-changes = Cambios
terms-changes-text = Si estos términos cambian te pediremos aceptarlos otra vez.
