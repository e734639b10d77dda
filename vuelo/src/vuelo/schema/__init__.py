"""Schemas as a whole: snapshots, dumps, drift, scratch databases, and the rehearsal of migrations on them."""
