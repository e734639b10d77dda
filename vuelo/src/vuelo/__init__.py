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
    from vuelo.baselining import Baselined, baseline
    from vuelo.cleaning import Cleaned, clean
    from vuelo.errors import ScriptError, VueloError
    from vuelo.executor import Result
    from vuelo.guard import require_current
    from vuelo.migration import Applied, Script
    from vuelo.naming import Kind, Version
    from vuelo.plan import Entry, Plan, Problem, State, UndoStep
    from vuelo.project import Project, Service
    from vuelo.repairing import Fix, repair
    from vuelo.run import RunFailedError, info, migrate, plan_undo, reachable, undo
    from vuelo.schema.drifting import Drift, drift
    from vuelo.session import Progress
    from vuelo.waiting import wait

__all__ = [
    "Applied",
    "Baselined",
    "Cleaned",
    "Drift",
    "Entry",
    "Fix",
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
    "baseline",
    "clean",
    "drift",
    "info",
    "migrate",
    "plan_undo",
    "reachable",
    "repair",
    "require_current",
    "undo",
    "wait",
]

_MODULES = {
    "vuelo.baselining": ("Baselined", "baseline"),
    "vuelo.cleaning": ("Cleaned", "clean"),
    "vuelo.schema.drifting": ("Drift", "drift"),
    "vuelo.errors": ("ScriptError", "VueloError"),
    "vuelo.apply": ("Step",),
    "vuelo.executor": ("Result",),
    "vuelo.guard": ("require_current",),
    "vuelo.migration": ("Applied", "Script"),
    "vuelo.naming": ("Kind", "Version"),
    "vuelo.plan": ("Entry", "Plan", "Problem", "State", "UndoStep"),
    "vuelo.project": ("Project", "Service"),
    "vuelo.repairing": ("Fix", "repair"),
    "vuelo.session": ("Progress",),
    "vuelo.waiting": ("wait",),
    "vuelo.run": ("RunFailedError", "info", "migrate", "plan_undo", "reachable", "undo"),
}


def __getattr__(name: str) -> object:
    """Import a module when it is first used: the command must answer Ctrl-C before anything large is imported."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
