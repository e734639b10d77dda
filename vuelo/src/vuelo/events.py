"""What callbacks can be called for: the names that their files begin with, as Flyway has them. Pure."""

_EACH = ("Each{}", "Each{}Statement")
_OPERATIONS = ("Migrate", "Undo", "Clean", "Info", "Validate", "Baseline", "Repair")


def _events() -> frozenset[str]:
    names = {"createSchema", "beforeCreateSchema", "beforeConnect", "afterConnect", "beforeRepeatables"}
    names |= {"afterVersioned", "afterMigrateApplied"}
    for operation in _OPERATIONS:
        names |= {f"before{operation}", f"after{operation}", f"after{operation}Error"}
        names.add(f"after{operation}OperationFinish")
    for operation in ("Migrate", "Undo"):
        for each in (one.format(operation) for one in _EACH):
            names |= {f"before{each}", f"after{each}", f"after{each}Error"}
    return frozenset(names)


EVENTS = _events()
