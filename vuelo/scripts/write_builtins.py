"""Writes src/vuelo/check/builtins.txt: names that PostgreSQL brings, the union of what several servers have.

Usage: python write_builtins.py [BIN_FOLDER …]    of further servers; the embedded 16 and 18 are always asked
"""

import sys
from pathlib import Path

import psycopg

from vuelo import embedded

_TARGET = Path(__file__).parents[1] / "src" / "vuelo" / "check" / "builtins.txt"
_QUERY = """
SELECT 'function', proname,
       CASE WHEN provariadic <> 0 THEN greatest(pronargs - 1, 0) || '-*'
            WHEN pronargdefaults > 0 THEN (pronargs - pronargdefaults) || '-' || pronargs
            ELSE pronargs::text END
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
UNION SELECT 'type', typname, '' FROM pg_type
 WHERE typnamespace = 'pg_catalog'::regnamespace AND typcategory <> 'A' AND typrelid = 0
UNION SELECT 'relation', nspname || '.' || relname, ''
  FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname IN ('pg_catalog', 'information_schema') AND relkind IN ('r', 'v')
UNION SELECT 'type', 'information_schema.' || typname, '' FROM pg_type
 WHERE typnamespace = 'information_schema'::regnamespace AND typtype = 'd'
"""
_WANTED = [{"version": 16}, {"version": 18}]


def main() -> None:
    facts: dict[tuple[str, str], set[str]] = {}
    for choice in [*_WANTED, *({"bin_dir": Path(folder)} for folder in sys.argv[1:])]:
        with embedded.temporary(**choice) as server, psycopg.connect(server.url()) as conn:
            for kind, name, count in conn.execute(_QUERY):
                facts.setdefault((kind, name), set()).update({count} - {""})
    lines = (" ".join([*key, *sorted(counts)]) for key, counts in sorted(facts.items()))
    _TARGET.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
