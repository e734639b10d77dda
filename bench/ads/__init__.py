"""How long the choice of an advertisement takes, among many and after many."""
