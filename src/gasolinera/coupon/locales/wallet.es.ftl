# What a coupon gives, and where and when
gives-percent = { $value } de descuento
gives-amount = { $value } de descuento
at-most = Hasta { $value }
from-purchase = en cargas desde { $value }
any-purchase = en cualquier carga
fuel-all = Todos los combustibles
fuel-only = Solo { $fuels }
fuel-REGULAR = Regular
fuel-PREMIUM = Premium
fuel-DIESEL = Diésel
and = { $first } y { $last }
days-all = Todos los días
days-range = De { $first } a { $last }
days-weekend = Sábados y domingos
day-1 = lunes
day-2 = martes
day-3 = miércoles
day-4 = jueves
day-5 = viernes
day-6 = sábado
day-7 = domingo
hours-all = A cualquier hora
hours-range = de { $from } a { $until }
stations-all = En todas las estaciones
stations-some = { $count ->
    [one] En 1 estación
   *[other] En { $count } estaciones
}
until-today = Vence hoy a las { $clock }
until-tomorrow = Vence mañana
until-days = { $count ->
    [one] Vence en 1 día
   *[other] Vence en { $count } días
}
until-day = Hasta el { $day }
until-over = Terminó el { $day }
from-day = A partir del { $day }
uses-left = { $count ->
    [one] Queda 1 uso
   *[other] Quedan { $count } usos
}
uses-once = Un solo uso
tickets = { $count ->
    [one] 1 boleto para sorteos
   *[other] { $count } boletos para sorteos
}

# The list
wallet-title = Mis cupones
wallet-hint = Abre un cupón y muestra su código en la bomba.
view-label = Qué cupones ver
view-ready = Disponibles
view-used = Usados
view-over = Vencidos
search-label = Buscar por nombre o código
search = Buscar
search-all = Ver todos
nothing-ready = Aún no tienes cupones. Toma uno de las promociones vigentes y aparecerá aquí.
nothing-used = Todavía no has usado ningún cupón.
nothing-over = Ningún cupón tuyo ha vencido ni ha sido retirado.
nothing-found = Ningún cupón coincide con «{ $text }».
to-offers = Ver promociones
to-history = Mis cargas
to-pump = Usarlo con el QR de la bomba
to-watch = Ganar más boletos
to-wallet = Mis cupones
owed = Lo estamos preparando; en unos segundos tendrá su código.
badge-paused = En pausa
badge-USED = Usado
badge-EXPIRED = Vencido
badge-CANCELLED = Retirado
badge-SUSPENDED = Suspendido
said-offer-taken = ¡Listo! Tu cupón aparecerá aquí en unos segundos.
said-offer-had = Ya tenías este cupón.

# One coupon
coupon-terms = Condiciones
coupon-where = Dónde
coupon-when = Cuándo
coupon-until = Vigencia
coupon-fuels = Combustible
coupon-uses = Usos
coupon-tickets = Boletos
coupon-raffle = Ver el sorteo
coupon-about = Sobre la promoción
coupon-stations = Ver las estaciones
minimum = Carga mínima
maximum = Descuento máximo
window = Del { $first } al { $last }
limit-user = { $limit ->
    [one] Una vez por persona
   *[other] Hasta { $limit } veces por persona
}
limit-DAY = { $limit ->
    [one] Una vez al día
   *[other] Hasta { $limit } veces al día
}
limit-WEEK = { $limit ->
    [one] Una vez por semana
   *[other] Hasta { $limit } veces por semana
}
limit-MONTH = { $limit ->
    [one] Una vez al mes
   *[other] Hasta { $limit } veces al mes
}
limit-used = { $count ->
    [0] aún no la has usado
    [one] ya la usaste 1 vez
   *[other] ya la usaste { $count } veces
}
code-show = Código para escanear
code-alt = Código QR de tu cupón
code-typed = ¿No se puede escanear? Dicta esta clave:
code-copy = Copiar clave
code-copied = Clave copiada
code-renews = Se renueva en
code-seconds = s
code-full = Pantalla completa
code-full-end = Salir
code-soon = Estamos preparando el código. Mientras tanto puedes dictar la clave.
code-live = Cambia cada 20 segundos: una captura de pantalla no sirve.
offline-since = Sin conexión. Ves tus cupones como estaban el { $when }.
offline-code = Sin conexión: este código se actualizó el { $when }. Una estación sin conexión lo acepta; si la estación sí tiene conexión, dicta la clave.
offline-title = Sin conexión
offline-text = Esta página necesita conexión. Tus cupones guardados siguen disponibles.
not-now = Ahora no se puede usar
why-ALREADY_USED = Ya se usó.
why-EXPIRED = Terminó su vigencia.
why-SUSPENDED = Está suspendido. Comunícate con nosotros si crees que es un error.
why-CANCELLED = Fue retirado.
why-NOT_YET_VALID = Todavía no empieza su vigencia.
why-CAMPAIGN_NOT_ACTIVE = La promoción está en pausa o terminó.
why-USER_NOT_ELIGIBLE = La promoción es para otras personas.
why-STATION_NOT_ELIGIBLE = No se usa en esta estación.
why-FUEL_NOT_ELIGIBLE = No es para este combustible.
why-TIME_NOT_ELIGIBLE = Se usa en otro momento: { $days }, { $hours }.
why-MINIMUM_NOT_MET = La carga es menor que la mínima.
why-LIMIT_REACHED = Se alcanzó el límite de usos.
why-BUDGET_EXHAUSTED = La promoción se agotó.

# Offers
offers-title = Promociones
offers-hint = Toma la que te guste: queda en tus cupones.
offers-none = No hay promociones vigentes para ti en este momento.
offer-take = Tomar cupón
offer-open = Ver mi cupón
offer-coming = En camino
offer-done = Ya lo aprovechaste
offer-loyal = { $count ->
    [one] Para quien ya cargó 1 vez
   *[other] Para quien ya cargó { $count } veces
}
offer-new = Para tu primera carga
offer-closed = No disponible
refused-offer-closed = Esta promoción ya no está abierta para tu cuenta o se agotó.
refused-other = No pudimos darte este cupón. Vuelve a intentarlo.
app-description = Cupones de gasolina, boletos y sorteos que cualquiera puede comprobar.
