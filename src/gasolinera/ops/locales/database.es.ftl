span-seconds = { $count } s
span-minutes = { $count } min
span-hours = { $count } h
span-days = { $count ->
    [one] un día
   *[other] { $count } días
 }
service = Servicio
service-auth = Cuentas
service-station = Estaciones
service-coupon = Cupones
service-redemption = Canjes
service-ads = Anuncios
service-raffle = Sorteos
database = Base de datos
look-config-no-database = Nadie ha dicho qué base de datos mirar: define GASOLINERA_OPS_DATABASE_URL con el rol «ops».
look-database-unavailable = La base de datos no responde.
look-timeout = La base de datos tardó demasiado en responder.
look-failed = No se pudo mirar la base de datos.
about-line = Base { $database } en PostgreSQL { $version }, encendida desde el { $at }.
standby = solo sigue a otra
health = Salud
health-note = { $bad } por atender, { $skipped } sin revisar
schemas = Esquemas
schemas-good = Al día
schemas-bad = Revisar
schemas-note = { $count ->
    [one] un esquema
   *[other] { $count } esquemas
 }
schema = Esquema
state = Estado
version = Versión
applied = Aplicadas
pending = En espera o con problemas
unknown = sin respuesta
wrong = con problemas
waits = en espera
current = al día
size = Tamaño
tables-count = { $count ->
    [one] una tabla
   *[other] { $count } tablas
 }
backup = Último respaldo
restore = Última restauración de prueba
backups = Respaldos
backup-none = Ninguno registrado
backups-about = Un respaldo vale lo que su última restauración de prueba.
checks = Revisiones
check = Revisión
verdict = Veredicto
worst = Lo peor
meaning = Qué significa
checks-none = No se pudo revisar nada.
checks-all-good = Nada que atender.
checks-rest = Ver las demás: { $good } bien, { $skipped } sin revisar
findings = { $count ->
    [one] Ver el objeto
   *[other] Ver los { $count } objetos
 }
verdict-good = Bien
verdict-skipped = Sin revisar
verdict-advice = Consejo
verdict-warning = Atención
verdict-critical = Urgente
skipped-privilege = A este rol le falta el permiso para verlo (pg_monitor).
skipped-version = Este servidor es demasiado viejo para saberlo.
skipped-timeout = Tardó demasiado o algo lo bloqueaba.
skipped-too-little = Todavía hay muy pocas lecturas para opinar.
skipped-statistics-young = Las estadísticas tienen menos de dos semanas.
skipped-checksums-off = El servidor no guarda sumas de verificación de las páginas.
skipped-archive-off = El archivado está apagado: sin él no se restaura a un momento cualquiera.
skipped-failed = La pregunta falló ({ $code }).
check-connections = Conexiones
check-connections-means = Parte de las conexiones posibles que está en uso.
check-connections-do = Baja los pools de los procesos o usa PgBouncer antes de subir max_connections.
check-long-transactions = Transacciones largas
check-long-transactions-means = Guardan candados e impiden limpiar filas muertas.
check-long-transactions-do = Busca qué hace el proceso; termínalo con pg_terminate_backend si nadie lo espera.
check-idle-in-transaction = Transacciones abiertas sin hacer nada
check-idle-in-transaction-means = Una sesión abrió una transacción y no sigue.
check-idle-in-transaction-do = Corrige el programa; mientras tanto termina la sesión.
check-blocked-sessions = Sesiones bloqueadas
check-blocked-sessions-means = Esperan un candado que tiene otra sesión.
check-blocked-sessions-do = Mira quién bloquea (a la derecha de la flecha) y termínalo si hace falta.
check-prepared-transactions = Transacciones preparadas
check-prepared-transactions-means = Nadie las confirmó ni deshizo.
check-prepared-transactions-do = Averigua de quién son y confírmalas o deshazlas.
check-transaction-age = Edad de transacciones
check-transaction-age-means = Filas sin congelar; a dos mil millones el servidor deja de escribir.
check-transaction-age-do = Revisa que autovacuum avance y qué lo detiene: transacciones largas, ranuras.
check-checksum-failures = Páginas dañadas
check-checksum-failures-means = Lo leído no es lo que se escribió: el disco o la memoria fallan.
check-checksum-failures-do = Detén los cambios, restaura desde un respaldo y revisa el equipo.
check-archiving = Archivado de WAL
check-archiving-means = El último intento de archivar falló: los respaldos dejan de avanzar.
check-archiving-do = Mira el registro del servidor y el espacio del repositorio.
check-replication-slots = Ranuras sin lector
check-replication-slots-means = Guardan WAL hasta llenar el disco.
check-replication-slots-do = Reconecta al lector o borra la ranura; define max_slot_wal_keep_size.
check-partitions-ahead = Particiones por adelantado
check-partitions-ahead-means = Días que faltan a los 45 que debe haber por delante.
check-partitions-ahead-do = Ejecuta la tarea «ensure_partitions» del servicio, o «gasolinera db partitions».
check-sequences = Secuencias por agotarse
check-sequences-means = Parte de los números que ya se dieron.
check-sequences-do = Cambia la columna a bigint antes de que se acaben.
check-invalid-indexes = Índices inválidos
check-invalid-indexes-means = Nadie los usa y todos los escriben: quedaron a medias.
check-invalid-indexes-do = Bórralos y créalos de nuevo con CONCURRENTLY.
check-unvalidated-constraints = Reglas sin validar
check-unvalidated-constraints-means = Valen para filas nuevas; las viejas nadie las revisó.
check-unvalidated-constraints-do = VALIDATE CONSTRAINT en la próxima migración.
check-disabled-triggers = Disparadores apagados
check-disabled-triggers-means = La auditoría, las reglas y los eventos dependen de ellos.
check-disabled-triggers-do = Enciéndelos y revisa qué se escribió mientras tanto.
check-tables-without-key = Tablas sin clave
check-tables-without-key-means = Sus filas no se pueden nombrar ni replicar.
check-tables-without-key-do = Agrega una clave primaria.
check-dead-rows = Filas muertas
check-dead-rows-means = Espacio que nadie ha limpiado en tablas con muchos cambios.
check-dead-rows-do = Mira si autovacuum llega y si una transacción larga lo detiene.
check-unindexed-foreign-keys = Referencias sin índice
check-unindexed-foreign-keys-means = Cada borrado de lo referido lee la tabla entera.
check-unindexed-foreign-keys-do = Crea el índice si se borra lo referido o la tabla crece.
check-never-analyzed = Tablas nunca analizadas
check-never-analyzed-means = El planificador no sabe qué hay en ellas.
check-never-analyzed-do = ANALYZE ahora; autovacuum debería hacerlo.
check-cache-misses = Lecturas fuera de memoria
check-cache-misses-means = Bloques leídos que no estaban en la memoria del servidor.
check-cache-misses-do = Más de uno por ciento: revisa shared_buffers y las consultas lentas.
check-unused-indexes = Índices sin uso
check-unused-indexes-means = Nada los ha leído desde que hay estadísticas; cada escritura los paga.
check-unused-indexes-do = Si tampoco los usa una réplica, quítalos en una migración.
check-duplicate-indexes = Índices repetidos
check-duplicate-indexes-means = Otro índice tiene las mismas columnas y condición.
check-duplicate-indexes-do = Quita uno en una migración.
check-pending-restart = Ajustes que esperan reinicio
check-pending-restart-means = Se cambiaron y todavía no valen.
check-pending-restart-do = Reinicia el servidor cuando convenga.
drift = Cambios a mano
drift-about = Compara lo que hay con lo que construyen las migraciones en una base de prueba. Tarda unos segundos y no toca nada.
drift-running = Comparando…
reload = Volver a cargar
drift-failed = No se pudo comparar ({ $code }). Desde la consola: vuelo drift.
drift-at = Comparado el { $at }, en { $seconds } s.
drift-same = igual
drift-differs = { $count ->
    [one] una diferencia
   *[other] { $count } diferencias
 }
drift-added = De más
drift-missing = Falta
drift-changed = Distinto
compare = Comparar ahora
said-comparing = La comparación empezó; vuelve a cargar en unos segundos.
sizes = Tamaños
sizes-more = Se ven { $shown } de { $count }; las demás, en el CSV.
table = Tabla
rows = Filas (estimadas)
table-size = Datos
index-size = Índices
parts = Partes
not-told = No se pudo consultar.
partitions = Particiones
partitions-about = Las tablas que crecen sin fin van por meses.
partitions-list = { $count ->
    [one] Ver la tabla
   *[other] Ver las { $count } tablas
 }
since = Desde
until = Hasta
rows-elsewhere = Filas fuera de mes
slow = Consultas que más tiempo toman
slow-no-extension = La extensión pg_stat_statements no está instalada en esta base.
slow-not-loaded = El servidor no carga pg_stat_statements (shared_preload_libraries).
slow-privilege = A este rol le falta el permiso para ver las consultas.
statement = Consulta
calls = Veces
mean = Promedio
total = Total
milliseconds = { $amount } ms
