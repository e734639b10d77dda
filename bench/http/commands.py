"""Commands of this environment, run to their end."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
LONGEST_S = 300


def run_command(command: Sequence[str], environment: Mapping[str, str], stdin: bytes | None = None) -> bytes:
    """A command of this environment to its end. Raises CalledProcessError with what it said."""
    finished = subprocess.run(
        [BIN / command[0], *command[1:]],
        env={**os.environ, **environment},
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
        timeout=LONGEST_S,
    )
    return finished.stdout
