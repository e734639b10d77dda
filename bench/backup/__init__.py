"""Backups and restores of services beside the bare pg_dump and pg_restore."""
