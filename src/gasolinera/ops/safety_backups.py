"""A backup before what cannot be undone otherwise."""

from collections.abc import Sequence

import psycopg

from gasolinera.errors import ConflictError, GasolineraError
from gasolinera.ops import backup_files
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import chosen_encryption
from gasolinera.ops.reaching import Operations
from vuelo import VueloError


def back_up_first(operations: Operations, services: Sequence[str]) -> str:
    """The label of a backup of what these services have now, made where backups are made, and encrypted like them.

    Raises ConflictError `ops.no_safety_backup`: then nothing may be changed, unless somebody does without on purpose.
    """
    try:
        wanted = Wanted(
            kind=Kind.SERVICE,
            services=tuple(services),
            folder=backup_files.chosen_folder(),
            encryption=chosen_encryption(),
            is_safety=True,
        )
        return back_up(operations, wanted).location.name
    except (GasolineraError, VueloError, psycopg.Error, OSError) as error:
        sentence = f"nothing was changed, since what is there now cannot be backed up: {str(error).strip()}"
        raise ConflictError("ops.no_safety_backup", sentence, "mend that, or do without: --no-backup") from error
