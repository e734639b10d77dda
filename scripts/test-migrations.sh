#!/usr/bin/env bash
# Validate migrations on a real PostgreSQL that lives as long as this script: every file up, files and history compared,
# all the way down, and up again. Syntax, references and constraints are judged by the server itself.
# Usage: scripts/test-migrations.sh [PROJECT.toml]     default: the six services; exit 0 good, 1 a migration is not
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
config=$(realpath "${1:-$repository/vuelo.toml}")
bin=$repository/.venv/bin
place=$(mktemp -d)
chmod 711 "$place"
trap 'rm -rf "$place"' EXIT
cd "$place"

export GASOLINERA_ENVIRONMENT=test
export GASOLINERA_DATABASE_URL="embedded:$place/postgres?database=validation"
[ -n "${1:-}" ] || "$bin/gasolinera" db init

"$bin/vuelo" migrate --config "$config"
"$bin/vuelo" validate --config "$config"
"$bin/vuelo" undo --config "$config" --target 0 --yes
"$bin/vuelo" migrate --config "$config"
"$bin/vuelo" info --config "$config"
