"""vuelo: a SQL-first migration engine for PostgreSQL that works with Flyway's files, history table and checksums.

```python
project = vuelo.Project.load(Path("vuelo.toml"))
vuelo.migrate(project)
```
"""

from vuelo.errors import ScriptError, VueloError
from vuelo.executor import Progress, Result, Step
from vuelo.migration import Applied, Script
from vuelo.naming import Kind, Version
from vuelo.plan import Entry, Plan, Problem, State, UndoStep
from vuelo.project import Project, Service
from vuelo.run import RunFailedError, info, migrate, plan_undo, reachable, undo

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
    "undo",
]
