# Sorteos para quien participa.
title-list = Sorteos
intro = Mira qué se sortea, cuánto falta y cuántos boletos llevas.
search = Buscar un sorteo
nothing-open = Ahora no hay ningún sorteo abierto. Cuando abra el próximo, lo verás aquí.
nothing-found = Ningún sorteo coincide con «{ $q }». Prueba con otra palabra.
link-results = Resultados de sorteos anteriores
link-prizes = Mis premios
link-login = Entra para ver tus boletos
first-prize = Primer premio
units =
    { $units ->
        [one] Un premio
       *[other] { $units } premios en total
    }
worth = con valor de { $value }
closes = Cierra el { $at }
closes-in = Cierra en
closed = Cerrado
waits = Ya cerró. El sorteo es el { $at }.
soon = Abre el { $at }
so-far =
    { $all ->
        [0] Todavía no hay boletos.
        [one] 1 boleto hasta ahora.
       *[other] { $all } boletos hasta ahora.
    }
yours =
    { $own ->
        [one] Llevas 1 de { $all } boletos hasta ahora.
       *[other] Llevas { $own } de { $all } boletos hasta ahora.
    }
yours-final =
    { $own ->
        [one] Participaste con 1 de { $all } boletos.
       *[other] Participaste con { $own } de { $all } boletos.
    }
yours-none = Aún no tienes boletos en este sorteo.
people =
    { $people ->
        [one] 1 persona participa.
       *[other] { $people } personas participan.
    }

stage-open = Abierto
stage-waiting = Espera el sorteo
stage-drawn = Sorteado
stage-cancelled = Cancelado

# Un sorteo
mine-title = Mi participación
chance-tickets = Si se sorteara ahora, tendrías más o menos 1 oportunidad entre { $odds } de salir en primer lugar. Cambia mientras entren más boletos.
chance-people = En este sorteo cada persona tiene una sola oportunidad, sin importar cuántos boletos tenga: la tuya es 1 entre { $odds } por ahora.
chance-weighted = En este sorteo los boletos pesan distinto según de dónde vienen, por eso no mostramos una probabilidad exacta.
chance-none = Sin boletos no participas todavía.
limit = Puedes tener hasta { $most } boletos en este sorteo.
see-mine = Ver mis boletos y comprobantes
missing-title = Falta algo para que participes
missing-kept_out = Las personas que trabajan en la cadena, sus familias y quienes organizan el sorteo no participan. Tus boletos quedarían fuera.
missing-too_few_tickets = Todavía no tienes los boletos mínimos que pide este sorteo.
missing-age_not_confirmed = Este sorteo pide tener al menos { $age } años. Si no lo confirmas antes del cierre, tus boletos quedan fuera.
age-button = Confirmo que tengo al menos { $age } años
age-note = Solo guardamos tu confirmación, no tu fecha de nacimiento. Si ganas, revisaremos tu identificación.
said-age-confirmed = Listo: anotamos que tienes la edad que pide este sorteo.
said-age-refused = No se anotó: la edad que pide el sorteo cambió. Vuelve a leerla y confirma otra vez.
said-age-closed = No se anotó: el sorteo ya no recibe confirmaciones.

prizes-title = Premios
prize-rank = Lugar { $rank }
prize-quantity =
    { $count ->
        [one] 1 unidad
       *[other] { $count } unidades
    }
prize-sponsor = Lo patrocina { $name }
prize-photo = Ver la foto en otro sitio
delivery-MANUAL = Se entrega en persona o en una estación
delivery-PHYSICAL = Se envía a tu domicilio o lo recoges en una estación
delivery-DIGITAL = Se envía por medios digitales
delivery-CREDIT = Se abona a tu cuenta
delivery-AUTOMATIC = Se entrega de forma automática
kind-CASH = Efectivo
kind-FUEL_CREDIT = Combustible
kind-MERCHANDISE = Artículo
kind-DISCOUNT_COUPON = Cupón
kind-GIFT_CARD = Tarjeta de regalo
kind-SERVICE = Servicio
kind-VEHICLE = Vehículo
kind-TRAVEL = Viaje
kind-EXPERIENCE = Experiencia
kind-OTHER = Premio

dates-title = Fechas
date-opens = Abre
date-closes = Cierra
date-draw = Sorteo
date-note = A partir del cierre no entra ningún boleto más.

how-title = Cómo se elige a quien gana
how-1 = Al cerrar, la lista de boletos se congela y se publica su huella digital, firmada.
how-2 = La suerte viene de una fuente pública que todavía no ha hablado: nadie, tampoco nosotros, puede conocerla antes.
how-3 = Con la lista y ese número cualquiera puede repetir la cuenta y llegar a los mismos ganadores.
how-RANDOM = Cada persona tiene una sola oportunidad, sin importar cuántos boletos tenga.
how-MERKLE_TREE = Cada boleto tiene la misma oportunidad.
how-PROVABLY_FAIR = Cada boleto tiene la misma oportunidad. Además, sin testigos externos que confirmen la lista a tiempo, no se sortea.
how-WEIGHTED = Cada boleto cuenta según de dónde viene:
weight = vale por { $weight }
see-fairness = Comprobar este sorteo

rules-title = Reglas
rule-age = Edad mínima
rule-age-value = { $age } años
rule-most = Boletos por persona
rule-most-value = { $most } como máximo
rule-most-none = Sin límite
rule-least = Boletos para participar
rule-least-value = { $least } como mínimo
rule-wins = Premios por persona
rule-wins-one = Uno como máximo
rule-wins-more = Se puede ganar más de uno
rule-alternates = Suplentes
rule-alternates-value =
    { $count ->
        [0] No hay
        [one] 1, si alguien no reclama su premio
       *[other] { $count }, por si alguien no reclama su premio
    }
rule-claim = Tiempo para reclamar
rule-claim-value =
    { $days ->
        [one] 1 día desde el aviso
       *[other] { $days } días desde el aviso
    }
rule-employees = Personal de la cadena
rule-employees-out = No participa
rule-employees-in = Puede participar
rule-organizer = Organiza
rule-permit = Permiso
see-terms = Leer las bases completas
see-terms-elsewhere = Bases en el sitio de quien organiza

free-title = Participar sin comprar
free-text =
    { $count ->
        [one] Puedes pedir 1 boleto gratis al día, sin comprar nada.
       *[other] Puedes pedir { $count } boletos gratis al día, sin comprar nada.
    }
free-link = Pedir mi boleto gratis
cancelled-title = Este sorteo se canceló
cancelled-note = Los boletos regresan a quienes los tenían, para usarlos en otro sorteo.

# Mis boletos en un sorteo
title-mine = Mis boletos en { $name }
back-to-raffle = Volver al sorteo
entries-title = Mis participaciones
entries-none = No tienes boletos en este sorteo.
entries-none-next = Los consigues al cargar combustible, al ver un anuncio o con la participación gratuita.
link-tickets = Ver todos mis boletos
entry-tickets =
    { $count ->
        [one] 1 boleto
       *[other] { $count } boletos
    }
entry-from = { $source }, { $at }
source-COUPON_REDEMPTION = Carga con cupón
source-AD_ENGAGEMENT = Anuncio visto
source-PROMOTIONAL = Promoción
source-BONUS = Regalo
source-FREE_ENTRY = Participación gratuita
receipt = Comprobante firmado
proof = Prueba de inclusión
check = Comprobar en este navegador
check-wait = Comprobando…
check-good = Está en la lista congelada. Lo acaba de calcular tu navegador: la firma, la huella de la lista y tus boletos coinciden.
check-bad = No coincide. Guarda el comprobante y la prueba: son evidencia frente a quien organiza.
check-broken = No se pudo descargar la prueba. Revisa tu conexión y vuelve a intentarlo.
check-detail = Detalle técnico (en inglés)
check-hash = Huella del manifiesto firmado
check-no-script = Sin JavaScript puedes descargar ambos archivos y revisarlos con el verificador de un solo archivo.
not-frozen = La prueba de inclusión aparecerá aquí cuando la lista se congele, después del cierre. Tu comprobante ya lo puedes descargar.
left-out-EXCLUDED_PERSON = Quedó fuera del sorteo: las personas que trabajan en la cadena, sus familias y quienes organizan no participan.
left-out-UNVERIFIED = Quedó fuera del sorteo: faltó confirmar la edad o verificar la cuenta antes del cierre.
left-out-DISQUALIFIED = Quedó fuera del sorteo: los boletos se retiraron antes del cierre.
left-out-NOT_ELIGIBLE = Quedó fuera del sorteo: no se cumplió con lo que piden las bases.
refused-title = Boletos que no entraron
refused-NOT_OPEN = El sorteo no estaba abierto.
refused-EXCLUDED_PERSON = No puedes participar en este sorteo.
refused-OVER_LIMIT = Ya tenías el máximo de boletos.
refused-ELSEWHERE = El boleto ya estaba en otro sorteo.
refused-RAFFLE_CANCELLED = El sorteo se canceló.
refused-note = Siguen siendo tuyos: elige otro sorteo para ellos en tus boletos.
why-title = ¿Para qué sirven estos archivos?
why-receipt = El comprobante lo firmamos al recibir tus boletos. Si después no estuvieran en la lista, demuestra que faltan.
why-proof = La prueba muestra, con aritmética que cualquiera puede repetir, que tu participación está en la lista que se congeló antes del sorteo.
