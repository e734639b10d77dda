#!/usr/bin/env bash
# Every test, on every PostgreSQL that we support, and against the real Flyway. A skipped test is a failure here.
# --after-test: `make test` has just passed, so on 18 only what it leaves out is run, and the older ones are run in part.
set -euo pipefail
cd "$(dirname "$0")/.."
export GASOLINERA_TEST_ALL=1

debian=/usr/lib/postgresql/15/bin
PATH=$PATH:/usr/sbin # where Debian puts PgBouncer
for tool in java mvn psql pgbouncer pgbackrest chromium promtool "$debian/postgres"; do
    if ! command -v "$tool" > /dev/null; then
        echo "error: $tool is not installed" >&2
        echo "hint: apt-get install default-jdk-headless maven postgresql-15 pgbouncer pgbackrest chromium prometheus, or use 'make test'" >&2
        exit 1
    fi
done

run() { # server, pytest arguments
    echo "== PostgreSQL: $1"
    local output
    output=$(mktemp)
    GASOLINERA_TEST_POSTGRES=$1 .venv/bin/pytest -n 2 -rs "${@:2}" 2>&1 | tee "$output"
    if grep -qE '^SKIPPED|[0-9]+ skipped' "$output"; then
        echo "error: tests were skipped" >&2
        exit 1
    fi
    rm -f "$output"
}

# What says nothing about the server's version has been said on 18.
once=()
for module in bad_input calls config connections demo docs edge errors house key_file keys_command logs metrics nats \
    paging permissions reference security serve serving shutdown texts tracing two_processes; do
    once+=("--ignore=tests/test_$module.py")
done
once+=(--ignore=tests/web --ignore=tests/browser --ignore=tests/deploy --ignore=tests/ops/runbooks)
once+=(--ignore=vuelo/tests/check --ignore=vuelo/tests/dictionary)
case "${1:-}" in
    "")
        run 18
        for server in 16 "$debian"; do
            run "$server" -m "not needs_java and not fuzz" "${once[@]}"
        done
        ;;
    --after-test)
        run 18 -m "needs_java or fuzz"
        # Of the older servers, what speaks to them most closely: the schemas and every statement, and on the oldest
        # the engine as well. All the rest on all of them takes long: that is this script without an argument.
        run 16 tests/test_migrations.py tests/test_queries.py
        run "$debian" vuelo/tests tests/test_migrations.py tests/test_queries.py tests/schema/test_house_rules*.py \
            -m "not needs_java and not fuzz" "${once[@]}"
        ;;
    *)
        echo "error: unknown argument $1" >&2
        exit 2
        ;;
esac
