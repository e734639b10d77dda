"""The `gasolinera` command: `main.py` and a thin file a command. Data on stdout, all talk on stderr."""
