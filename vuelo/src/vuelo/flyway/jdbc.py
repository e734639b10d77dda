"""A JDBC address as libpq has it, read as PostgreSQL's JDBC driver reads it. Pure.

No message shows the address: a password may be in it.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from vuelo.errors import VueloError

_URL = re.compile(r"jdbc:(?:p6spy:|otel:)?postgresql:(?://(?P<hosts>[^/?]*)/)?(?P<database>[^/?]*)(?:\?(?P<query>.*))?")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:@]*)(?::(?P<port>[0-9]+))?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULT_PORT = "5432"
_LARGEST_PORT = 65535
_SAME = {
    **{name: name for name in ("user", "password", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslpassword")},
    "ApplicationName": "application_name",
    "channelBinding": "channel_binding",
    "gssEncMode": "gssencmode",
    "kerberosServerName": "krbsrvname",
    "options": "options",
    "requireAuth": "require_auth",
    "service": "service",
    "sslNegotiation": "sslnegotiation",
}
_SESSION_KINDS = {
    "any": "any",
    "primary": "primary",
    "master": "primary",
    "secondary": "standby",
    "slave": "standby",
    "preferSecondary": "prefer-standby",
    "preferSlave": "prefer-standby",
}
_LIBPQ_FACTORY = "org.postgresql.ssl.LibPQFactory"
_TRUSTING_FACTORY = "org.postgresql.ssl.NonValidatingFactory"
TRANSLATED = _SAME.keys() | {
    "currentSchema",
    "ssl",
    "sslfactory",
    "connectTimeout",
    "loginTimeout",
    "targetServerType",
    "loadBalanceHosts",
    "tcpKeepAlive",
}
_INSIDE_THE_DRIVER = """
    adaptiveFetch adaptiveFetchMaximum adaptiveFetchMinimum allowEncodingChanges assumeMinServerVersion autosave
    binaryTransfer binaryTransferDisable binaryTransferEnable cancelSignalTimeout classLoaderStrategy
    cleanupSavepoints convertBooleanToNumeric databaseMetadataCacheFields databaseMetadataCacheFieldsMiB
    defaultRowFetchSize disableColumnSanitiser escapeSyntaxCallMode flushCacheOnDdl groupStartupParameters
    gssResponseTimeout gssUseDefaultCreds gsslib hideUnprivilegedObjects hostRecheckSeconds jaasApplicationName
    jaasLogin logServerErrorDetail logUnclosedConnections loggerFile loggerLevel maxResultBuffer maxSendBufferSize
    pemKeyAlgorithm preferQueryMode prepareThreshold preparedStatementCacheQueries preparedStatementCacheSizeMiB
    protocolVersion quoteReturningIdentifiers reWriteBatchedInserts reWriteBatchedInsertsSize readOnlyMode
    receiveBufferSize scramMaxIterations sendBufferSize socketTimeout sslResponseTimeout sspiServiceClass
    stringtype tcpNoDelay unknownLength useSpnego xmlFactoryFactory
"""
WITHOUT_MEANING = frozenset(
    _INSIDE_THE_DRIVER.split()
)  # of the driver's inside: they change nothing that a migration can see


def conninfo(url: str, properties: Mapping[str, str], where: str) -> str:
    """The address; `properties` (user, password, …) are what the address itself does not say.

    Raises VueloError `config.jdbc`.
    """
    hosts, ports, database, given = _parts(url, where)
    asked = {**properties, **given}
    translated = _translated(asked, where)
    database = database or translated.get("user", "")
    settings = {"host": ",".join(hosts), "port": ",".join(ports), "dbname": database, **translated}
    return " ".join(f"{name}={_quoted(value)}" for name, value in settings.items() if value)


def current_schema(url: str, properties: Mapping[str, str]) -> str | None:
    """The first schema that the address puts on the search path, unless that is the user's own."""
    match = _URL.fullmatch(url)
    given = _query(match["query"] or "") if match else {}
    path = {**properties, **given}.get("currentSchema", "")
    first = path.split(",", maxsplit=1)[0].strip()
    unquoted = first[1:-1].replace('""', '"') if first.startswith('"') else first.lower()
    return None if unquoted in ("", "$user") else unquoted


def _parts(url: str, where: str) -> tuple[list[str], list[str], str, dict[str, str]]:
    if not url.startswith("jdbc:"):
        raise _refused(where, "its url is no JDBC address", "write jdbc:postgresql://host:port/database")
    match = _URL.fullmatch(url)
    if match is None and "postgresql:" not in url:
        raise _refused(where, "its url is not PostgreSQL's", "vuelo migrates PostgreSQL and nothing else")
    if match is None or _BAD_ESCAPE.search(url):
        raise _refused(where, "its url is malformed", "write jdbc:postgresql://host:port/database?name=value")
    hosts: list[str] = []
    ports: list[str] = []
    for one in (match["hosts"] or "localhost").split(","):
        host = _HOST.fullmatch(one)
        port = host["port"] or _DEFAULT_PORT if host else ""
        if host is None or not 0 < int(port) <= _LARGEST_PORT:
            raise _refused(where, "a host or port in its url is malformed", "write host:port, or [IPv6]:port")
        hosts.append(host["host"].strip("[]") or "localhost")
        ports.append(str(int(port)))
    return hosts, ports, unquote_plus(match["database"]), _query(match["query"] or "")


def _query(text: str) -> dict[str, str]:
    """The later of two of one name counts, as for the driver."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def _translated(asked: Mapping[str, str], where: str) -> dict[str, str]:
    unknown = sorted(asked.keys() - TRANSLATED - WITHOUT_MEANING)
    if unknown:
        message = f"libpq has nothing like the JDBC parameter {', '.join(unknown)}"
        raise _refused(where, message, "take it out, or give the address in vuelo.toml as libpq writes it")
    settings = {_SAME[name]: value for name, value in asked.items() if name in _SAME}
    settings |= _encryption(asked, where)
    timeout = asked.get("connectTimeout") or asked.get("loginTimeout")
    if timeout:
        settings["connect_timeout"] = timeout
    if path := asked.get("currentSchema"):
        escaped = re.sub(r"([\\ ])", r"\\\1", path)
        settings["options"] = f"{settings.get('options', '')} -c search_path={escaped}".strip()
    if kind := asked.get("targetServerType"):
        if kind not in _SESSION_KINDS:
            known = f"one of {', '.join(_SESSION_KINDS)}"
            raise _refused(where, f"libpq has nothing like targetServerType={kind}", known)
        settings["target_session_attrs"] = _SESSION_KINDS[kind]
    if asked.get("loadBalanceHosts") == "true":
        settings["load_balance_hosts"] = "random"
    if alive := asked.get("tcpKeepAlive"):
        settings["keepalives"] = str(int(alive == "true"))
    return settings


def _encryption(asked: Mapping[str, str], where: str) -> dict[str, str]:
    """`ssl` without a mode means that the server's certificate is checked; the factory says how."""
    factory = asked.get("sslfactory", _LIBPQ_FACTORY)
    if factory not in (_LIBPQ_FACTORY, _TRUSTING_FACTORY):
        raise _refused(
            where, f"libpq has nothing like sslfactory={factory}", "use sslmode, sslrootcert, sslcert, sslkey"
        )
    wanted = asked.get("ssl") in ("", "true")
    if factory == _TRUSTING_FACTORY:
        return {"sslmode": "require"} if wanted or "sslmode" in asked else {}
    return {"sslmode": "verify-full"} if wanted and "sslmode" not in asked else {}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _refused(where: str, message: str, hint: str) -> VueloError:
    return VueloError("config.jdbc", f"{where}: {message}", hint)
