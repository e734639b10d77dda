# Lo que cualquiera puede revisar de los sorteos.
title-list = Sorteos y resultados
intro = Aquí está cada sorteo con todo lo que hace falta para comprobarlo: la lista congelada, el azar público y quién ganó. No necesitas cuenta.
link-ticket = Buscar un boleto
link-verify = Verificar un sorteo
search = Nombre o código
pick-stage = Estado
any-stage = Todos
stage-open = Abierto
stage-waiting = Espera el sorteo
stage-drawn = Sorteado
stage-cancelled = Cancelado
nothing = Todavía no se ha publicado ningún sorteo.
nothing-found = Ningún sorteo coincide con tu búsqueda.
tickets-people =
    { $tickets ->
        [0] Sin boletos
        [one] 1 boleto
       *[other] { $tickets } boletos
    } · { $people ->
        [one] 1 persona
       *[other] { $people } personas
    }
closes = Cierra el { $at }
closed = Cerró el { $at }
frozen = Lista congelada; sorteo el { $at }
drawn = Se sorteó el { $at }
void = El último intento se anuló; se congelará de nuevo
cancelled = No se sortea
waits-freeze = La lista se congela en unos minutos
csv-code = codigo
csv-name = nombre
csv-stage = estado
csv-closes = cierre
csv-draw-number = numero_de_sorteo
csv-tickets = boletos
csv-people = personas
csv-drawn = sorteado

# Un sorteo
title-one = Transparencia: { $name }
draw-number = Sorteo número { $number }
see-raffle = Ver premios y reglas
step-title = En qué va
step-open = Recibe boletos
step-freeze = La lista se congela
step-evidence = Otros dan fe
step-round = Habla el azar público
step-results = Resultados
step-by = hasta el { $at }
step-at = { $at }
step-later = después del cierre
countdown-close = Cierra en
countdown-round = El azar habla en
countdown-over = La ronda ya salió: el resultado aparece en unos segundos.
not-frozen-title = Todavía no hay lista congelada
not-frozen = Al cerrar el sorteo aparecerán aquí la huella de la lista, la firma y la ronda de azar que decidirá, antes de que nadie pueda conocerla.
cancelled-title = Este sorteo se canceló
cancelled-note = Sus boletos regresaron a quienes los tenían.

results-title = Resultados
results-caption = Ganadores en el orden del sorteo
results-none = Nadie ganó: la lista no alcanzó para ningún premio.
column-place = Posición
column-prize = Premio
column-ticket = Boleto y nombre
alternate = Suplente
anonymous = Reservado
winner-ALTERNATE = En espera
winner-SELECTED = Por avisar
winner-NOTIFIED = Avisado
winner-CLAIMED = Reclamado
winner-DELIVERED = Entregado
winner-FORFEITED = No reclamó a tiempo
winner-DISQUALIFIED = Anulado
reason-NOT_OF_AGE = No tenía la edad
reason-EXCLUDED_PERSON = No podía participar
reason-IDENTITY_NOT_PROVEN = No comprobó su identidad
reason-TICKET_TAKEN_BACK = El boleto se retiró
reason-FRAUD = Fraude
reason-DECLINED = Renunció al premio
signed-reason = Motivo firmado
results-note = De cada boleto se muestra solo una parte. Un nombre aparece por sus iniciales, y solo si quien ganó lo permitió.

manifest-title = Lo que se firmó antes del azar
manifest-intro = El manifiesto es la promesa: fija la lista, los premios y la ronda de azar. Quien lo cambie en una sola letra cambia su huella.
what = ¿Qué es esto?
entries = Participaciones
entries-what = Boletos que una persona consiguió de una sola vez. Cada una ocupa una línea de la lista.
tickets = Boletos
owners = Personas
weight = Oportunidades
weight-what = Cuántos números entran al sorteo. Cada participación ocupa un tramo de ellos.
excluded = Fuera del sorteo
excluded-value =
    { $count ->
        [0] Ninguna participación
        [one] 1 participación
       *[other] { $count } participaciones
    }
excluded-what = Participaciones que las reglas dejan fuera, cada una con su motivo en una lista pública sin nombres.
frozen-at = Se congeló
root = Raíz de la lista
root-what = Un resumen de todas las participaciones. Con ella cada quien puede probar que la suya está, y nadie puede agregar ni quitar una después.
manifest-hash = Huella del manifiesto
manifest-hash-what = SHA-256 del documento firmado. Si la guardas antes de la ronda, después sabrás con certeza que nadie cambió nada.
signature = Firma de quien organiza
signature-what = Ed25519: solo quien tiene la llave privada pudo hacerla, y cualquiera puede revisarla con la llave pública.
key = Llave pública
previous = Sorteo anterior
previous-what = Cada manifiesto lleva la huella del anterior, así no se puede esconder un sorteo entre dos.
previous-first = Es el primer sorteo
beacon = Fuente de azar
beacon-quicknet = drand quicknet
beacon-test = Faro de prueba
beacon-what = drand es un servicio público que operan muchas organizaciones juntas. Ninguna conoce el número antes que las demás.
beacon-test-what = Es un faro de ensayo: cualquiera puede conocer sus rondas de antemano, así que este sorteo no prueba nada.
round = Ronda que decide
round-value = { $round }, a las { $at }
round-what = Se nombra antes de que exista. Si fuera otra, los ganadores serían otros.
terms = Bases
terms-value = Versión { $version }
algorithm = Forma de elegir
algorithm-RANDOM = Una oportunidad por persona
algorithm-MERKLE_TREE = Una oportunidad por boleto
algorithm-PROVABLY_FAIR = Una oportunidad por boleto, con testigos obligatorios
algorithm-WEIGHTED = Los boletos pesan según su origen

evidence-title = Quién más da fe
evidence-intro = La palabra de quien organiza no basta. Estas personas y sellos dicen que la lista ya existía antes del azar.
evidence-until = Se recibe hasta el { $at }.
evidence-none = Todavía nadie más da fe.
evidence-none-over = Nadie más dio fe a tiempo.
evidence-required = Este sorteo la exige: sin ella no se sortea.
held-TIMESTAMP = Sello de tiempo a tiempo
held-WITNESSES = Testigos suficientes
timestamp = Sello de tiempo de { $authority }
witness = Terminal { $terminal }
witness-signed = Firmó el { $at }
witness-missing = No firmó
quorum =
    { $quorum ->
        [0] No hay testigos en la lista.
        [one] Hace falta 1 testigo.
       *[other] Hacen falta { $quorum } testigos.
    }

downloads-title = Descargas
download-manifest = Manifiesto firmado
download-bundle = Paquete del sorteo
download-bundle-what = Todo lo que el sorteo consultó, en un archivo.
download-list = Lista entera
download-list-what = 54 bytes por participación, sin nombres.
download-excluded = Participaciones fuera del sorteo
download-single = Verificador de un solo archivo (Python)
download-module = Verificador del navegador (módulo)
verify-here = Verificar este sorteo en mi navegador
given-up-title = Intentos anulados
given-up = Sorteo { $number }, anulado el { $at }.
given-up-no-evidence = Nadie dio fe a tiempo, así que no se sorteó. La lista se congeló de nuevo con otro número.

# Bases
title-terms = Bases de { $name }
terms-version = Versión { $version }
terms-hash = Huella (SHA-256)
terms-note = La misma huella está en el manifiesto firmado: las bases no cambian después de abrir el sorteo.
back = Volver al sorteo

# Un boleto
title-ticket = Buscar un boleto
ticket-intro = Escribe el número completo. Verás en qué sorteo está y si salió, nada de quien lo tiene.
ticket-number = Número de boleto
ticket-hint = Empieza con TKT y tiene 19 caracteres. Da igual si pones espacios, guiones o minúsculas.
ticket-wrong = Ese número no es de un boleto: empieza con TKT y le siguen 16 letras y cifras, sin I, L, O ni U.
ticket-button = Buscar
ticket-none = Ningún sorteo tiene ahora un boleto con ese número. Revisa que lo escribiste completo; si es tuyo, mira en tus boletos.
ticket-mine = Mis boletos
ticket-in = Está en { $name }
ticket-open = El sorteo todavía recibe boletos. La lista se congela después del cierre.
ticket-waiting = La lista ya está congelada o por congelarse. El sorteo es el { $at }.
ticket-place = Participación { $index } de { $entries } de la lista.
ticket-range =
    { $count ->
        [0] No ocupa ningún número: en este sorteo cada persona tiene una sola oportunidad, y otra participación la lleva.
        [one] Su participación ocupa el número { $first } de { $points }.
       *[other] Su participación ocupa los números del { $first } al { $last } de { $points }.
    }
ticket-left-out = Quedó fuera del sorteo. El motivo lo ve quien lo tiene.
ticket-won = Salió en la posición { $position }: { $prize }.
ticket-alternate = Salió en la posición { $position }, como suplente.
ticket-not-won = No salió en el sorteo.
ticket-cancelled = El sorteo se canceló.
