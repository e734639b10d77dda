"""Empty the schemas of a service: everything that was made in them goes, and those that vuelo made go as well."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from vuelo import history
from vuelo.apply import transaction
from vuelo.callbacks import around
from vuelo.errors import VueloError
from vuelo.executor import locked, site_of
from vuelo.history import Connection
from vuelo.migration import Applied, RowType
from vuelo.project import Project, Service
from vuelo.run import reachable, side_by_side
from vuelo.scripts import Site
from vuelo.session import Run, connected

_STATEMENTS_AT_ONCE = 500

# Views before tables and functions before types need not be: CASCADE takes what depends, IF EXISTS bears that it is
# gone. What an extension brought ("e"), or what belongs to another object ("i"), goes with that alone.
_OBJECTS = """
WITH object (classid, objid, namespace, turn) AS (
    SELECT 'pg_catalog.pg_class'::regclass, oid, relnamespace, CASE relkind WHEN 'S' THEN 3 ELSE 1 END
      FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, pronamespace, 2 FROM pg_catalog.pg_proc
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typnamespace, 4 FROM pg_catalog.pg_type
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprnamespace, 5 FROM pg_catalog.pg_operator
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid, opfnamespace, 5 FROM pg_catalog.pg_opfamily
    UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collnamespace, 5 FROM pg_catalog.pg_collation
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgnamespace, 5 FROM pg_catalog.pg_ts_config
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictnamespace, 6 FROM pg_catalog.pg_ts_dict)
SELECT named.type, named.identity
  FROM object
  JOIN pg_catalog.pg_namespace AS n ON n.oid = object.namespace
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(object.classid, object.objid, 0) AS named
 WHERE n.nspname = %s
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = object.classid AND d.objid = object.objid AND d.objsubid = 0
                      AND d.deptype IN ('e', 'i'))
 ORDER BY object.turn, object.objid"""

_EXTENSIONS = """
SELECT 'extension', pg_catalog.quote_ident(e.extname)
  FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
 WHERE n.nspname = %s AND e.extowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)"""


@dataclass(frozen=True)
class Cleaned:
    """How many objects were dropped one by one, from which schemas, and which schemas went as a whole."""

    objects: int
    cleaned: tuple[str, ...]
    dropped: tuple[str, ...]


def refuse_disabled(project: Project) -> None:
    """Raises VueloError `clean.disabled` unless the settings of every service allow to clean it."""
    disabled = [service.name for service in project.services if service.settings.clean_disabled]
    if disabled:
        message = f"clean is disabled for {', '.join(disabled)}"
        hint = "allow it where losing everything does no harm: clean_disabled = false under [environments.NAME]"
        raise VueloError("clean.disabled", message, hint)


def clean(project: Project) -> dict[str, Cleaned]:
    """By service, each in one transaction under its lock. Asks nobody. Raises VueloError `clean.*`."""
    refuse_disabled(project)
    with reachable(project) as reached:
        return side_by_side(reached.services, Run(), _clean)


def _clean(service: Service, run: Run) -> Cleaned:
    with connected(service, run) as conn:
        site, _ = site_of(conn, service, run)
        try:
            with locked(site), around(site, "Clean"), transaction(site):
                return _drop_everything(site)
        except psycopg.Error as error:
            message = f"{service.name} cannot be cleaned: {error.diag.message_primary or error}"
            raise VueloError("clean.refused", message, "nothing was dropped") from error


def _drop_everything(site: Site) -> Cleaned:
    conn, service = site.conn, site.service
    schemas = tuple(dict.fromkeys((service.schema, *service.settings.schemas)))
    present = [schema for schema in schemas if history.schema_exists(conn, schema)]
    rows = history.rows(conn, site.table) if history.exists(conn, site.table) else []
    ours = set(_made_by_us(rows))
    kept = [schema for schema in present if schema not in ours]
    objects = sum(_drop(conn, schema) for schema in kept)
    dropped = [schema for schema in present if schema in ours]
    for schema in dropped:
        conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    return Cleaned(objects, tuple(kept), tuple(dropped))


def _made_by_us(rows: Sequence[Applied]) -> list[str]:
    """Names stand between quotes that are not doubled inside."""
    scripts = [row.script for row in rows if row.type == RowType.SCHEMA]
    return [name for script in scripts for name in script.removeprefix('"').removesuffix('"').split('","')]


def _drop(conn: Connection, schema: str) -> int:
    found = [*conn.execute(_OBJECTS, (schema,)).fetchall(), *conn.execute(_EXTENSIONS, (schema,)).fetchall()]
    statements = [f"DROP {type_} IF EXISTS {identity} CASCADE" for type_, identity in found]
    for at in range(0, len(statements), _STATEMENTS_AT_ONCE):
        conn.execute("; ".join(statements[at : at + _STATEMENTS_AT_ONCE]).encode())
    return len(statements)
