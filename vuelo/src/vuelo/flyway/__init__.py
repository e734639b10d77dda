"""Flyway's own configuration files, variables, locations and addresses, read as a project of vuelo's."""
