"""`gasolinera`: the entry point, which ends in good order however it is interrupted."""

from importlib import import_module

from vuelo.cli.main import orderly


def main() -> None:
    """Exit 0 good, 1 failure, 2 usage, 70 our bug; interrupted: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP."""
    # Importing takes long enough to be interrupted.
    orderly(lambda: import_module("gasolinera.cli.app").run())
