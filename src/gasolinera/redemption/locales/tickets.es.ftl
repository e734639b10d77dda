title = Mis boletos
waiting = Por usar
waiting-about = Eliges tú el sorteo
first-lost = Elige sorteo: el primero vence el { $at }
entered = En sorteos
entered-about = Ya participan
past = Anteriores
past-about = Sorteados, vencidos o cancelados
choose = Elegir sorteo
watch = Ganar más con anuncios
free = Participar sin comprar
by-raffle = Por sorteo
over = sorteado
finder = Buscar y filtrar
words = Número o referencia
status = Estado
source = De dónde viene
raffle = Sorteo
any = Todos
list = Tus boletos
newest-first = Primero lo más nuevo
oldest-first = Primero lo más antiguo
refuel = ver la carga
until = vence el { $at }
none = Todavía no tienes boletos. Usa un cupón, mira un anuncio o participa sin comprar.
none-found = Ningún boleto cumple esos filtros.
to-wallet = Ver mis cupones
to-raffles = Ver los sorteos
back = ← Mis boletos
back-to-tickets = Volver a mis boletos
ticket = Boleto
issued = Emitido
expires = Vence
together = Emitido junto con
count-tickets = { $count ->
    [one] 1 boleto en total
   *[other] { $count } boletos en total
 }
at-station = En la estación
choose-this = Elegir su sorteo
chances = Mis probabilidades y pruebas
about-active = Espera a que elijas su sorteo.
about-entered = Participa en su sorteo.
about-used = Su sorteo ya se celebró.
about-expired = Venció sin que se eligiera un sorteo.
about-cancelled = Se retiró porque se canceló la carga de la que venía.
status-active = Por usar
status-entered = En sorteo
status-used = Sorteado
status-expired = Vencido
status-cancelled = Cancelado
source-coupon-redemption = Por tu carga
source-ad-engagement = Por ver un anuncio
source-promotional = Promoción
source-bonus = Bono
source-free-entry = Participación gratuita
proof = Comprobante firmado
proof-about = Este texto prueba que el boleto se emitió a tu nombre. Guárdalo: cualquiera puede comprobar su firma.
choose-about = { $count ->
    [one] Tienes 1 boleto por usar.
   *[other] Tienes { $count } boletos por usar.
 } Un boleto va a un solo sorteo y ya no se puede cambiar.
nothing-waits = No tienes boletos por usar. Gana más con tus cargas y anuncios.
no-raffles = Ningún sorteo recibe boletos en este momento. Vuelve pronto: te avisaremos antes de que venzan.
raffle-hint = Cuando elijas, no se puede cambiar.
raffle-of = Sorteo { $raffle }
raffle-about = Ver su nombre y sus premios
raffles-about = Ver los nombres y premios de los sorteos
raffle-until = { $raffle } (cierra el { $at })
these-tickets = Se enviará este boleto:
how-many = ¿Cuántos boletos?
how-many-hint = Primero van los que vencen antes.
go-on = Continuar
choose-title = { $count ->
    [one] ¿Enviar 1 boleto al sorteo { $raffle }?
   *[other] ¿Enviar { $count } boletos al sorteo { $raffle }?
 }
choose-text = Un boleto va a un solo sorteo. Después ya no se puede cambiar.
choose-yes = Sí, enviar
said-chosen = Listo: tus boletos ya van al sorteo que elegiste.
said-entered = Listo: ya tienes tu boleto gratuito.
free-about = No hace falta comprar para participar. Un boleto gratuito tiene las mismas probabilidades que cualquier otro.
free-a-day = { $count ->
    [one] Un boleto gratuito por persona y día.
   *[other] { $count } boletos gratuitos por persona y día.
 }
closes = Cierra el { $at }.
free-left = { $left ->
    [one] Hoy te queda 1.
   *[other] Hoy te quedan { $left }.
 }
free-enter = Quiero mi boleto gratuito
free-none-left = Ya tienes los de hoy. Vuelve mañana.
free-none = En este momento ningún sorteo da boletos gratuitos.
refused-tickets-too-few = No tienes tantos boletos por usar para ese sorteo. Escribe un número menor.
refused-raffle-takes-none = Ese sorteo ya no recibe boletos. Elige otro.
refused-tickets-not-free = Alguno de esos boletos ya está en otro sorteo o venció. Empieza de nuevo.
refused-free-entry-limit = Ya tienes los boletos gratuitos de hoy. Vuelve mañana.
refused-free-entry-closed = Ese sorteo ya no da boletos gratuitos.
refused-other = No se pudo hacer. Revisa los datos y vuelve a intentarlo.
sheet-name = boletos
sheet-number = Número
sheet-status = Estado
sheet-raffle = Sorteo
sheet-source = De dónde viene
sheet-redemption = Carga
sheet-issued = Emitido
sheet-expires = Vence
