"""Which settings Flyway knows, and what vuelo makes of each. Pure. docs/reference/flyway-compatibility.md names all."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vuelo.errors import VueloError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILES = ("flyway.toml", "flyway.conf")
SETTINGS = _names(
    """baselineDescription baselineMigrationPrefix baselineOnMigrate baselineVersion cherryPick cleanDisabled
    connectRetries connectRetriesInterval createSchemas encoding executeInTransaction failOnMissingLocations group
    ignoreMigrationPatterns initSql installedBy mixed outOfOrder placeholderPrefix placeholderReplacement
    placeholderSeparator placeholderSuffix repeatableSqlMigrationPrefix skipDefaultCallbacks
    skipExecutingMigrations sqlMigrationPrefix sqlMigrationSeparator sqlMigrationSuffixes tablespace target
    undoSqlMigrationPrefix validateMigrationNaming validateOnMigrate"""
)  # each is a field of vuelo.settings.Settings, in snake case
OF_A_SERVICE = _names(
    """callbackLocations defaultSchema environment jdbcProperties locations lockRetryCount password placeholders
    schemas table url user"""
)
OF_AN_ENVIRONMENT = _names(
    """connectRetries connectRetriesInterval displayName driver initSql jdbcProperties password provisioner resolvers
    schemas url user"""
)
WITHOUT_MEANING = _names(
    """batch color communityDBSupportEnabled configFileEncoding configFiles configurations displayName driver edition
    email encryptionKey jarDirs kerberosConfigFile licenseKey loggers outputFile outputLogsInJson outputProgress
    outputQueryResults outputType powershellExecutable provisionMode reportEnabled reportFilename
    scriptPlaceholderPrefix scriptPlaceholderSuffix stream token workingDirectory"""
)  # of the JVM, of other output, of licences: accepted, and nothing comes of them
NAMESPACES_WITHOUT_MEANING = _names(
    """add akv auth bigquery check clickhouse cosmos dapr deploy diff diffText gcsm generate init mcp model oracle
    postgresql prepare snapshot snowflake spanner sqlfluff sqlserver tags vault"""
)  # of other databases, and of paid commands that vuelo has under its own names
ROOT_WITHOUT_MEANING = frozenset({"id", "name", "databaseType", "flywayDesktop", "redgateCompare", "redgate"})
_NOTHING: tuple[Any, ...] = ("", [], "false", False)
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {  # what may stand there all the same, and what to do instead
    "callbacks": (_NOTHING, "Java callbacks need a JVM: write them as SQL callbacks"),
    "resolvers": (_NOTHING, "Java resolvers need a JVM; secrets come from ${env.NAME}"),
    "migrationResolvers": (_NOTHING, "Java resolvers need a JVM"),
    "skipDefaultResolvers": (_NOTHING, "without SQL migrations nothing is left for vuelo to run"),
    "errorOverrides": (_NOTHING, "vuelo stops at every error: catch it in the script's own PL/pgSQL"),
    "dryRunOutput": (_NOTHING, "run vuelo migrate --dry-run"),
    "detectEncoding": (_NOTHING, "name the encoding: in `encoding`, or in the script's own .conf"),
    "provisioner": ((*_NOTHING, "none", "backup"), "vuelo provisions nothing: make the database first"),
    "cleanOnValidationError": ((), "Flyway took it away in version 12; run vuelo clean yourself"),
}
_NAMES_OF_VARIABLES = {
    "FLYWAY_DRYRUN_OUTPUT": "dryRunOutput",
    "FLYWAY_COMMUNITY_DB_SUPPORT_DISABLED": "communityDBSupportEnabled",
    "FLYWAY_JDBC_PROPERTIES_ACCESSTOKEN": "jdbcProperties.accessToken",
}
_TABLES = {"FLYWAY_PLACEHOLDERS_": "placeholders.", "FLYWAY_JDBC_PROPERTIES_": "jdbcProperties."}
_NOT_IN_CAPITALS = {"environment", "configFiles", "configFileEncoding"}


def is_flyways(path: Path) -> bool:
    """By its name: flyway.toml, flyway.prod.toml, or anything that ends in .conf."""
    return path.suffix == ".conf" or (path.suffix == ".toml" and path.name.startswith("flyway"))


def snake(key: str) -> str:
    """outOfOrder is out_of_order."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower()


def known() -> frozenset[str]:
    """Every key without its namespace."""
    return SETTINGS | OF_A_SERVICE | WITHOUT_MEANING | REFUSED.keys()


def refuse(values: Mapping[str, Any], where: str) -> None:
    """Raises VueloError `config.unknown` and `config.unsupported`: a setting that is passed over would be missed."""
    unknown = sorted(key for key in values if not _is_known(key))
    if unknown:
        message = f"{where}: unknown setting {', '.join(unknown)}"
        raise VueloError("config.unknown", message, "docs/reference/flyway-compatibility.md names what there is")
    for key, value in values.items():
        harmless, instead = REFUSED.get(key.split(".")[0], ((value,), ""))
        if value not in harmless:
            raise VueloError("config.unsupported", f"{where}: vuelo has no {key}", instead)


def _is_known(key: str) -> bool:
    name, dot, _ = key.partition(".")
    if not dot:
        return key in known()
    return name in {"placeholders", "jdbcProperties", "resolvers"} | NAMESPACES_WITHOUT_MEANING


def from_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    """FLYWAY_OUT_OF_ORDER and its like; flyway_environment in small letters, as Flyway has it. Others are not ours."""
    by_name = {f"FLYWAY_{snake(key).upper()}": key for key in known() - _NOT_IN_CAPITALS} | _NAMES_OF_VARIABLES
    found: dict[str, Any] = {}
    for name, value in variables.items():
        table = next((prefix for prefix in _TABLES if name.startswith(prefix) and name not in by_name), None)
        if table and len(name) > len(table):
            found[_TABLES[table] + name.removeprefix(table).lower()] = value
        elif name in by_name:
            found[by_name[name]] = value
        elif name.startswith("flyway_"):
            found[name.removeprefix("flyway_").replace("_", ".")] = value
    return {key: value for key, value in found.items() if value != ""}
