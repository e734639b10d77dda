title = Tablero
title-station = Tablero de { $station }
as-of = Con lo registrado hasta las { $clock }
as-of-never = Los resúmenes todavía no se han calculado. Aparecerán en un minuto.
station = Estación
station-hint = Por ejemplo JSM001
all-stations = Todas las estaciones
redemptions = Canjes de hoy
discount = Descuento de hoy
tickets = Boletos de hoy
fraud = Fraude por revisar
fraud-note = { $blocked ->
    [0] Ninguno bloqueado
    [one] 1 bloqueado
   *[other] { $blocked } bloqueados
 }
fraud-none = No hay nada que revisar
offline = Sin conexión por resolver
offline-none = Todo resuelto
offline-some = Terminales que esperan tu decisión
ads = Publicidad
ads-open = Ver las campañas
more-than = Más de { $count }
against = { $change } % contra el mismo día de la semana pasada a esta hora ({ $before })
against-same = Igual que el mismo día de la semana pasada a esta hora
against-none = El mismo día de la semana pasada no hubo a esta hora
trend = Últimos 14 días
chart-redemptions = Canjes por día
chart-tickets = Boletos por día
chart-discount = Descuento por día, { $currency }
as-table = Ver como tabla
day = Día
column-redemptions = Canjes
column-cancelled = Cancelados, no contados
column-litres = Litros
column-tickets = Boletos
column-discount = Descuento { $currency }
column-discount-all = Descuento
column-station = Estación
column-before = Hace una semana, todo el día
stations = Estaciones hoy
stations-empty = Hoy todavía no hay canjes. En cuanto una estación complete uno, aparece aquí.
see-redemptions = Ver los canjes
see-station = Ver la estación
see-figures = Descargar el mes (CSV)
