"""What the service does for the other services."""

from gasolinera.auth import queries

find_user = queries.find_user
