#!/usr/bin/env bash
# Validate migrations twice. First without a database, file by file: syntax, references, constraints, structure. Then on
# a real PostgreSQL that lives as long as this script: every file up, down and up again, with sample data in the tables.
# Usage: scripts/test-migrations.sh [PROJECT.toml]     default: the six services; exit 0 good, 1 a migration is not
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
config=$(realpath "${1:-$repository/vuelo.toml}")
bin=$repository/.venv/bin

export GASOLINERA_ENVIRONMENT=test
export GASOLINERA_DATABASE_URL="embedded:nowhere?database=validation"  # its copy is used, never the thing itself
good=0
"$bin/vuelo" check --config "$config" --per-file || good=1  # what the server says of the same files is shown as well
"$bin/vuelo" test --config "$config" || good=1
exit "$good"
