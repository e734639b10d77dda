# La cuenta propia: perfil, avisos, sesiones, seguridad, privacidad.

me-title = Mi cuenta
me-profile = Perfil
me-first-name = Nombre
me-last-name = Apellidos
me-email = Correo electrónico
me-email-hint = Ahí te enviamos comprobantes. Déjalo vacío para no recibirlos.
me-language = Idioma de los mensajes
me-save = Guardar cambios
me-phone = Celular
me-phone-change = Cambiar número
me-since = Cuenta desde el { $day }
me-station = Estación { $station }
me-places = Más de tu cuenta
me-history = Mis compras
me-points = Mis puntos
me-prizes = Mis premios
me-notifications = Avisos
me-preferences = Qué quiero recibir
me-sessions = Dónde tengo la sesión abierta
me-security = Seguridad
me-activity = Actividad de mi cuenta
me-privacy = Privacidad y mis datos
me-terms = Hay términos de uso que todavía no aceptas
me-terms-about = Léelos y acéptalos para seguir usando tus cupones.
me-terms-read = Leer los términos
me-terms-accept = Acepto los términos de uso
me-terms-age = Tengo 18 años o más
me-terms-send = Aceptar
me-back = Volver a mi cuenta

role-CUSTOMER = Cliente
role-EMPLOYEE = Personal de estación
role-STATION_ADMIN = Administración de estación
role-SYSTEM_ADMIN = Administración del sistema

language-es = Español
language-en = English

notifications-title = Avisos
notifications-empty = Todavía no tienes avisos. Aquí verás tus boletos, premios y compras.
notifications-read-all = Marcar todo como leído
notifications-new = Nuevo

preferences-title = Qué quiero recibir
preferences-about = Elige por dónde te avisamos de cada cosa. Los avisos de seguridad llegan siempre.
preferences-legend = Avisos por tema y canal
preferences-topic = Tema
channel-IN_APP = Aplicación
channel-SMS = Mensaje de texto
channel-EMAIL = Correo
category-ACCOUNT = Mi cuenta
category-WORK = Mi trabajo
category-TICKETS = Boletos
category-PRIZES = Premios
category-PURCHASES = Compras
category-SECURITY = Seguridad
preferences-choice = { $category }: { $channel }
preferences-quiet = Horas de silencio
preferences-quiet-about = Mientras duran no enviamos mensajes ni correos; los avisos esperan en la aplicación.
preferences-quiet-on = Usar horas de silencio
preferences-begins = Desde
preferences-ends = Hasta
preferences-zone = Zona horaria
preferences-save = Guardar
zone-America-Mexico_City = Centro de México
zone-America-Tijuana = Tijuana
zone-America-Hermosillo = Sonora
zone-America-Mazatlan = Pacífico mexicano
zone-America-Cancun = Quintana Roo
zone-America-Costa_Rica = Costa Rica
zone-America-Guatemala = Guatemala
zone-America-El_Salvador = El Salvador
zone-America-Tegucigalpa = Honduras
zone-America-Managua = Nicaragua
zone-America-Panama = Panamá
zone-America-Belize = Belice
refused-quiet-hours = Las horas de silencio deben empezar y terminar a horas distintas.
refused-hours-shape = Escribe la hora como 22:00.

sessions-title = Dónde tengo la sesión abierta
sessions-about = Si no reconoces una sesión, ciérrala: deja de servir al momento.
sessions-this = Esta sesión
sessions-started = Desde el { $at }
sessions-used = Último uso: { $at }
sessions-address = Dirección { $address }
sessions-end = Cerrar
sessions-end-named = Cerrar la sesión de { $device }
sessions-end-others = Cerrar todas las demás
sessions-unknown = Navegador desconocido
sessions-only = No hay otras sesiones abiertas.

activity-title = Actividad de mi cuenta
activity-about = Lo que pasó con tu cuenta en el último año. Si algo no fue cosa tuya, cierra tus sesiones y avisa a soporte.
activity-empty = Todavía no hay actividad.
activity-by-other = Lo hizo la administración
activity-failed = No se logró

event-LOGIN_SUCCEEDED = Inicio de sesión
event-LOGIN_FAILED = Inicio de sesión fallido
event-LOGIN_REFUSED = Inicio de sesión rechazado
event-LOGOUT = Cierre de sesión
event-OTP_REQUESTED = Código pedido
event-OTP_DELIVERY_FAILED = Código que no se pudo enviar
event-OTP_VERIFIED = Código correcto
event-OTP_FAILED = Código equivocado
event-OTP_RATE_LIMITED = Demasiados códigos pedidos
event-TOKEN_ISSUED = Sesión abierta
event-TOKEN_REFRESHED = Sesión continuada
event-TOKEN_REVOKED = Sesión terminada
event-TOKEN_REUSED = Sesión terminada por uso repetido
event-ACCOUNT_CREATED = Cuenta creada
event-ACCOUNT_ACTIVATED = Cuenta activada
event-ACCOUNT_DEACTIVATED = Cuenta desactivada
event-ACCOUNT_LOCKED = Cuenta bloqueada
event-ACCOUNT_UNLOCKED = Cuenta desbloqueada
event-ACCOUNT_ERASED = Cuenta eliminada
event-ROLE_CHANGED = Tipo de cuenta cambiado
event-PHONE_CHANGED = Número de celular cambiado
event-PROFILE_CHANGED = Perfil cambiado
event-TERMS_ACCEPTED = Términos aceptados
event-SECOND_FACTOR_ENABLED = Segundo factor activado
event-SECOND_FACTOR_DISABLED = Segundo factor quitado
event-SECOND_FACTOR_FAILED = Segundo factor equivocado
event-SECOND_FACTOR_VERIFIED = Segundo factor confirmado
event-RECOVERY_CODES_MADE = Códigos de recuperación nuevos
event-DATA_EXPORTED = Datos descargados

security-title = Seguridad
security-factor = Segundo factor
security-factor-on = Activado: al entrar pedimos también un código de tu aplicación.
security-factor-off = Desactivado. Con él, entrar pide también un código de una aplicación de autenticación.
security-enrol = Activar segundo factor
security-recovery = Códigos de recuperación nuevos
security-recovery-about = Los anteriores dejan de servir. Escribe un código de tu aplicación.
security-disable = Quitar el segundo factor
security-disable-about = Tu cuenta quedará protegida solo por tu teléfono. Escribe un código de tu aplicación.
security-code = Código
security-code-hint = Seis dígitos, o un código de recuperación.
security-make = Crear códigos
security-remove = Quitar
security-prove = Confirmar con el segundo factor
recovery-title = Guarda tus códigos de recuperación
recovery-about = Cada uno sirve una sola vez si pierdes tu aplicación. Es la única vez que los mostramos: imprímelos o guárdalos en un lugar seguro.
recovery-kept = Ya los guardé, continuar
refused-factor-required = Una cuenta de administración necesita segundo factor.

phone-title = Cambiar de número
phone-about = Enviamos un código al número nuevo. Cuando lo confirmes, entrarás con él y se cerrarán tus demás sesiones.
phone-now = Tu número actual: { $phone }
phone-new = Número nuevo
phone-send = Enviar código
phone-code-title = Confirma tu número nuevo
phone-code-about = Al número que termina en { $ending } le llegó un mensaje con seis dígitos.
phone-code = Código de seis dígitos
phone-confirm = Cambiar número
refused-phone-unchanged = Este ya es el número de tu cuenta.
refused-phone-taken = Ese número ya es de otra cuenta.

privacy-title = Privacidad y mis datos
privacy-export = Descargar mis datos
privacy-export-about = Un archivo JSON con todo lo que la plataforma guarda sobre ti: cuenta, sesiones, cupones, compras, boletos, anuncios vistos y avisos.
privacy-export-get = Descargar
privacy-erase = Eliminar mi cuenta
privacy-erase-1 = Se borran al momento tu número, tu nombre, tu correo y tus sesiones.
privacy-erase-2 = Pierdes los cupones, puntos y boletos que no hayas usado.
privacy-erase-3 = Las compras y los sorteos pasados quedan en los libros, sin decir quién eras.
privacy-erase-4 = No se puede deshacer.
privacy-erase-begin = Eliminar mi cuenta…
privacy-erase-employed = Trabajas en una estación: primero debe terminar tu empleo ahí.
erase-title = Confirma que quieres eliminar tu cuenta
erase-about = Al número que termina en { $ending } le llegó un código. Escríbelo junto con la palabra { $word } para eliminar tu cuenta para siempre.
erase-code = Código de seis dígitos
erase-word = Escribe { $word }
erase-word-value = ELIMINAR
erase-send = Eliminar para siempre
erase-keep = No, conservar mi cuenta
refused-erase-word = Escribe exactamente { $word }.
refused-employed = Trabajas en una estación: primero debe terminar tu empleo ahí.
refused-last-administrator = Eres la última cuenta de administración: nombra antes a otra.
export-unavailable = Ahora no podemos reunir todos tus datos. Vuelve a intentarlo en unos minutos.

said-saved = Guardamos los cambios.
said-read = Marcamos todo como leído.
said-ended = La sesión se cerró.
said-ended-others = Cerramos tus demás sesiones.
said-accepted = Gracias, aceptaste los términos.
said-phone = Tu número cambió.
said-removed = Quitamos el segundo factor.
said-over = El código venció. Pide otro.

refused-phone-malformed = Escribe un número de teléfono, por ejemplo 55 1234 5678.
refused-phone-impossible = Ningún teléfono tiene este número. Revisa sus dígitos.
refused-phone-country = Los números de ese país no se pueden usar aquí.
refused-phone-not-mobile = Este número no recibe mensajes de texto. Usa el de un celular.
refused-limited = Se pidieron demasiados códigos. Podrás pedir otro en { $wait }.
refused-locked = Hubo demasiados códigos equivocados. Podrás volver a intentarlo en { $wait }.
refused-wrong = El código no es correcto. { $left ->
    [0] Pide otro código.
    [one] Te queda un intento.
   *[other] Te quedan { $left } intentos.
}
refused-over = Este código ya no sirve. Pide otro.
refused-inactive = Esta cuenta está desactivada. Escribe a soporte.
refused-code-shape = Escribe los seis dígitos del mensaje.
refused-name = Escribe un nombre que se pueda leer.
refused-email = Revisa el correo: debe verse como nombre@ejemplo.com.
refused-must-accept = Hace falta aceptarlo.
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
country-label = País
