"""`python -m vuelo`."""

from vuelo.cli.main import main

main()
