"""`gasolinera ops`: one file a group of commands."""
