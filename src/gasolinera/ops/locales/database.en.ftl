span-seconds = { $count } s
span-minutes = { $count } min
span-hours = { $count } h
span-days = { $count ->
    [one] one day
   *[other] { $count } days
 }
service = Service
service-auth = Accounts
service-station = Stations
service-coupon = Coupons
service-redemption = Redemptions
service-ads = Ads
service-raffle = Raffles
database = Database
look-config-no-database = Nobody has said which database to look at: set GASOLINERA_OPS_DATABASE_URL, as the role "ops".
look-database-unavailable = The database does not answer.
look-timeout = The database took too long to answer.
look-failed = The database could not be looked at.
about-line = Database { $database } on PostgreSQL { $version }, running since { $at }.
standby = follows another
health = Health
health-note = { $bad } to look at, { $skipped } skipped
schemas = Schemas
schemas-good = Current
schemas-bad = Look
schemas-note = { $count ->
    [one] one schema
   *[other] { $count } schemas
 }
schema = Schema
state = State
version = Version
applied = Applied
pending = Waiting, or wrong
unknown = unknown
wrong = wrong
waits = waiting
current = current
size = Size
tables-count = { $count ->
    [one] one table
   *[other] { $count } tables
 }
backup = Last backup
restore = Last restore test
backups = Backups
backup-none = None on record
backups-about = A backup is worth as much as its last restore test.
checks = Checks
check = Check
verdict = Verdict
worst = The worst
meaning = What it means
checks-none = Nothing could be checked.
checks-all-good = Nothing to look at.
checks-rest = See the others: { $good } good, { $skipped } skipped
findings = { $count ->
    [one] See the object
   *[other] See the { $count } objects
 }
verdict-good = Good
verdict-skipped = Skipped
verdict-advice = Advice
verdict-warning = Warning
verdict-critical = Critical
skipped-privilege = This role lacks the right to see it (pg_monitor).
skipped-version = This server is too old to tell.
skipped-timeout = It took too long, or something was in its way.
skipped-too-little = Too little has been read to say anything.
skipped-statistics-young = Statistics are younger than two weeks.
skipped-checksums-off = The server keeps no checksums of pages.
skipped-archive-off = Archiving is off: without it nothing is restored to any moment.
skipped-failed = The question failed ({ $code }).
check-connections = Connections
check-connections-means = How many of the possible connections are in use.
check-connections-do = Make the processes' pools smaller, or use PgBouncer, before raising max_connections.
check-long-transactions = Long transactions
check-long-transactions-means = They keep locks, and dead rows from being removed.
check-long-transactions-do = See what the process does; end it with pg_terminate_backend if nobody waits for it.
check-idle-in-transaction = Idle in transaction
check-idle-in-transaction-means = A session began a transaction and does not go on.
check-idle-in-transaction-do = Mend the program; end the session meanwhile.
check-blocked-sessions = Blocked sessions
check-blocked-sessions-means = They wait for a lock that another session holds.
check-blocked-sessions-do = See who blocks (right of the arrow), and end it if need be.
check-prepared-transactions = Prepared transactions
check-prepared-transactions-means = Nobody has committed or undone them.
check-prepared-transactions-do = Find whose they are, and commit or undo them.
check-transaction-age = Transaction age
check-transaction-age-means = Rows that are not frozen; at two thousand million the server stops writing.
check-transaction-age-do = See that autovacuum gets on, and what holds it up: long transactions, slots.
check-checksum-failures = Damaged pages
check-checksum-failures-means = What is read is not what was written: disk or memory fail.
check-checksum-failures-do = Stop changes, restore from a backup, and look at the machine.
check-archiving = Archiving
check-archiving-means = The last try to archive failed: backups do not go on.
check-archiving-do = See the server's log, and the room of the repository.
check-replication-slots = Slots without a reader
check-replication-slots-means = They keep the log until the disk is full.
check-replication-slots-do = Bring the reader back or drop the slot; set max_slot_wal_keep_size.
check-partitions-ahead = Partitions ahead
check-partitions-ahead-means = Days that are missing to the 45 that should lie ahead.
check-partitions-ahead-do = Run the service's job "ensure_partitions", or "gasolinera db partitions".
check-sequences = Sequences near their end
check-sequences-means = How many of the numbers have been given out.
check-sequences-do = Make the column bigint before they end.
check-invalid-indexes = Invalid indexes
check-invalid-indexes-means = Nobody uses them and everybody writes them: their making failed.
check-invalid-indexes-do = Drop them, and make them again with CONCURRENTLY.
check-unvalidated-constraints = Constraints not validated
check-unvalidated-constraints-means = They hold for new rows; nobody has looked at the old ones.
check-unvalidated-constraints-do = VALIDATE CONSTRAINT in the next migration.
check-disabled-triggers = Disabled triggers
check-disabled-triggers-means = Audit, rules and events hang on them.
check-disabled-triggers-do = Enable them, and see what was written meanwhile.
check-tables-without-key = Tables without a key
check-tables-without-key-means = Their rows cannot be named, nor replicated.
check-tables-without-key-do = Add a primary key.
check-dead-rows = Dead rows
check-dead-rows-means = Room that nobody has cleaned in tables that change much.
check-dead-rows-do = See whether autovacuum gets there, and whether a long transaction holds it up.
check-unindexed-foreign-keys = References without an index
check-unindexed-foreign-keys-means = Each delete of what is referred to reads the whole table.
check-unindexed-foreign-keys-do = Make the index if that is ever deleted, or the table grows.
check-never-analyzed = Tables never analysed
check-never-analyzed-means = The planner does not know what is in them.
check-never-analyzed-do = ANALYZE now; autovacuum should do it.
check-cache-misses = Reads outside of memory
check-cache-misses-means = Blocks that were read and not in the server's memory.
check-cache-misses-do = More than one per cent: look at shared_buffers and slow statements.
check-unused-indexes = Unused indexes
check-unused-indexes-means = Nothing has read them since statistics began; each write pays for them.
check-unused-indexes-do = If no standby uses them either, drop them in a migration.
check-duplicate-indexes = Duplicate indexes
check-duplicate-indexes-means = Another index has the same columns and condition.
check-duplicate-indexes-do = Drop one in a migration.
check-pending-restart = Settings that wait for a restart
check-pending-restart-means = They were changed, and do not hold yet.
check-pending-restart-do = Restart the server when it suits.
drift = Changes by hand
drift-about = Compares what is there with what the migrations build in a scratch database. It takes seconds and touches nothing.
drift-running = Comparing…
reload = Reload
drift-failed = It could not be compared ({ $code }). From the console: vuelo drift.
drift-at = Compared on { $at }, in { $seconds } s.
drift-same = the same
drift-differs = { $count ->
    [one] one difference
   *[other] { $count } differences
 }
drift-added = Added
drift-missing = Missing
drift-changed = Changed
compare = Compare now
said-comparing = The comparison has begun; reload in a few seconds.
sizes = Sizes
sizes-more = { $shown } of { $count } are shown; the others are in the CSV.
table = Table
rows = Rows (estimated)
table-size = Data
index-size = Indexes
parts = Parts
not-told = It could not be asked for.
partitions = Partitions
partitions-about = Tables that grow without end are cut by months.
partitions-list = { $count ->
    [one] See the table
   *[other] See the { $count } tables
 }
since = Since
until = Until
rows-elsewhere = Rows of no month
slow = Statements that take most time
slow-no-extension = The extension pg_stat_statements is not installed in this database.
slow-not-loaded = The server does not load pg_stat_statements (shared_preload_libraries).
slow-privilege = This role lacks the right to see statements.
statement = Statement
calls = Calls
mean = Mean
total = Total
milliseconds = { $amount } ms
