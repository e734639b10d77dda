"""vuelo: a SQL-first migration engine for PostgreSQL that works with Flyway's files, history table and checksums.

```python
project = vuelo.Project.load(Path("vuelo.toml"))
vuelo.migrate(project)
```
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vuelo.apply import Step
    from vuelo.errors import ScriptError, VueloError
    from vuelo.executor import Result
    from vuelo.guard import require_current
    from vuelo.migration import Applied, Script
    from vuelo.naming import Kind, Version
    from vuelo.plan import Entry, Plan, Problem, State, UndoStep
    from vuelo.project import Project, Service
    from vuelo.run import RunFailedError, info, migrate, plan_undo, reachable, undo
    from vuelo.session import Progress

__all__ = [
    "Applied",
    "Entry",
    "Kind",
    "Plan",
    "Problem",
    "Progress",
    "Project",
    "Result",
    "RunFailedError",
    "Script",
    "ScriptError",
    "Service",
    "State",
    "Step",
    "UndoStep",
    "Version",
    "VueloError",
    "info",
    "migrate",
    "plan_undo",
    "reachable",
    "require_current",
    "undo",
]

_MODULES = {
    "vuelo.errors": ("ScriptError", "VueloError"),
    "vuelo.apply": ("Step",),
    "vuelo.executor": ("Result",),
    "vuelo.guard": ("require_current",),
    "vuelo.migration": ("Applied", "Script"),
    "vuelo.naming": ("Kind", "Version"),
    "vuelo.plan": ("Entry", "Plan", "Problem", "State", "UndoStep"),
    "vuelo.project": ("Project", "Service"),
    "vuelo.session": ("Progress",),
    "vuelo.run": ("RunFailedError", "info", "migrate", "plan_undo", "reachable", "undo"),
}


def __getattr__(name: str) -> object:
    """Import a module when it is first used: the command must answer Ctrl-C before anything large is imported."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
