"""`vuelo docs`: a schema as a data dictionary and as an entity-relationship diagram."""
