title = Historial
finder = Buscar y filtrar
words = Estación o referencia
status = Estado
fuel = Combustible
any = Todos
since = Desde
until = Hasta
list = Tus cargas
newest-first = Primero lo más nuevo
oldest-first = Primero lo más antiguo
saved = Has ahorrado
saved-in = { $count ->
    [one] en una carga
   *[other] en { $count } cargas
 }
litres = Litros cargados
earned = { $count ->
    [one] 1 boleto ganado
   *[other] { $count } boletos ganados
 }
station = Estación
none = Todavía no has usado un cupón. Cuando cargues con uno, aquí verás cuánto ahorraste.
none-found = Ninguna carga cumple esos filtros.
to-wallet = Ver mis cupones
receipt = Recibo
back = ← Historial
when = Fecha
dispenser = bomba { $code }
coupon = Cupón
reference = Referencia
amounts = Importes
amount = Importe
discount = Descuento
paid = Pagado
status-pending = En espera
status-in-progress = En proceso
status-completed = Completada
status-failed = No se completó
status-cancelled = Cancelada
failed-late = Nadie la completó a tiempo. No se usó ningún cupón.
failed-coupon = El cupón no se pudo usar en ese momento.
cancelled-on = Se canceló el { $at }.
cancelled-why = Motivo: { $reason }
fuel-regular = Regular
fuel-premium = Premium
fuel-diesel = Diésel
multiply = Multiplica tus boletos
multiply-about = Mira anuncios cortos y gana más boletos por esta carga.
multiply-do = Ver anuncios
tickets = Boletos de esta carga
all-tickets = Ver todos
count-tickets = { $count ->
    [one] 1 boleto
   *[other] { $count } boletos
 }
in-raffle = En el sorteo
source-coupon-redemption = Por tu carga
source-ad-engagement = Por ver un anuncio
source-promotional = Promoción
source-bonus = Bono
source-free-entry = Participación gratuita
proof = Comprobante firmado
proof-about = Este texto prueba que los boletos se emitieron a tu nombre. Guárdalo: cualquiera puede comprobar su firma.
sheet-name = historial
sheet-when = Fecha
sheet-station = Estación
sheet-status = Estado
sheet-fuel = Combustible
sheet-litres = Litros
sheet-amount = Importe
sheet-discount = Descuento
sheet-paid = Pagado
sheet-currency = Moneda
sheet-tickets = Boletos
sheet-reference = Referencia
