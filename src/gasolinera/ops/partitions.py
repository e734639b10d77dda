"""Month partitions of every service, made ahead."""

import psycopg
from psycopg import sql

from vuelo import Project


def ensure_ahead(project: Project) -> int:
    """Make this month's partitions and those of the months ahead where they are missing; returns how many were made."""
    made = 0
    for service in project.services:
        with psycopg.connect(service.url, autocommit=True, application_name="gasolinera partitions") as conn:
            row = conn.execute(
                sql.SQL("SELECT {}()").format(sql.Identifier(service.schema, "ensure_all_month_partitions"))
            ).fetchone()
            assert row is not None
            made += row[0]
    return made
