"""Whether backups are as they were written, for the catalogue: each kind by what can read it."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.ops import catalogue
from gasolinera.ops.catalogue import LOGICAL, Backup, Kind
from gasolinera.ops.dump_archives import Verification, verify_logical
from gasolinera.ops.physical_backups import verify_physical
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]


def verify_backups(
    operations: Operations,
    labels: Sequence[str] | None,
    kind: Kind | None,
    identities: Sequence[x25519.Identity],
    watch: Callable[[str], None] = lambda label: None,
) -> list[Verification]:
    """Those that are named, or all that ended well; what is found is on record. Raises UnknownError for a label."""
    with ops_session(operations.ops_url) as conn, recorded_run(conn, "backup verify") as run:
        found: list[Verification] = []
        for one in _chosen(conn, labels, kind):
            watch(one.label)
            verification = verify_logical(one, identities) if one.kind in LOGICAL else verify_physical(one, identities)
            if verification.is_expired:
                catalogue.record_removal(conn, one.id)
            elif verification.problems or not verification.unread:  # a wrong key says nothing of the backup
                catalogue.record_verification(conn, one.id, is_intact=not verification.problems)
            found.append(verification)
        damaged = [one.label for one in found if one.problems]
        run.outcome = "WARNING" if damaged else "OK"
        run.result = {"verified": len(found), "damaged": damaged}
    return found


def _chosen(conn: Connection, labels: Sequence[str] | None, kind: Kind | None) -> list[Backup]:
    if labels:
        return [catalogue.backup_of(conn, label) for label in dict.fromkeys(labels)]
    return [one for one in catalogue.backups(conn, kinds=tuple(Kind) if kind is None else (kind,)) if one.succeeded]
