"""Imported before any test, so that `vuelo` is the installed package and not the folder `vuelo/` beside this file."""

import vuelo

assert vuelo.__file__ is not None, "the package vuelo is not installed: pip install -e vuelo"
