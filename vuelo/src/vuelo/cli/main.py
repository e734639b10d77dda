"""`vuelo`: an orderly end when a signal interrupts it, from the first moment on."""

import gc
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

INTERRUPTED = 128 + signal.SIGINT
_LEFT = "what ran in a transaction has been rolled back; of a script without one, vuelo info knows how far it came"
_OBJECTS_BEFORE_COLLECTING = 100_000


def main() -> None:
    """Exit 0 good, 1 failure, 2 usage, 70 our bug; interrupted: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP."""
    # Importing takes long enough to be interrupted.
    orderly(_run)


def _run() -> None:
    # Importing and planning leave next to nothing to collect, and up to a sixth of the time is spent on looking.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    import_module("vuelo.cli.app").run()


def orderly(run: Callable[[], None]) -> None:
    """Run a command line so that SIGTERM and SIGHUP end it as Ctrl-C does: with everything closed and rolled back."""
    ended_by: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        ended_by.append(number)
        if len(ended_by) == 1:  # a closing terminal says it twice, and nothing may disturb the cleaning up
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, interrupt)
    try:
        run()
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED:  # typer's way to pass Ctrl-C on
            raise
        with suppress(OSError):  # the terminal may be gone
            sys.stderr.write(f"interrupted; {_LEFT}\n")
            if "--json" in sys.argv:
                sys.stdout.write(f'{{"error": {{"code": "interrupted", "message": "{_LEFT}", "hint": null}}}}\n')
                sys.stdout.flush()
        sys.exit(128 + ended_by[0] if ended_by else INTERRUPTED)
