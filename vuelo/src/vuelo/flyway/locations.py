"""Where Flyway's `locations` are on a disk without a JVM: folders of the file system and of the class path."""

from pathlib import Path

from vuelo.errors import VueloError

_RESOURCES = Path("src", "main", "resources")
_COMMAND_LINES_DEFAULT = "sql"
_LIBRARYS_DEFAULT = "classpath:db/migration"
_WILDCARDS = "*?"


def folders(locations: list[str], base: Path) -> tuple[Path, ...]:
    """The folders that the locations mean, none of them inside another. Raises VueloError `config.location`.

    Without any location it is Flyway's default: the folder `sql` where there is one, else `classpath:db/migration`.
    """
    default = f"filesystem:{_COMMAND_LINES_DEFAULT}" if (base / _COMMAND_LINES_DEFAULT).is_dir() else _LIBRARYS_DEFAULT
    found = [folder for location in locations or [default] for folder in _of(location, base)]
    unique = list(dict.fromkeys(found))
    return tuple(one for one in unique if not any(other in one.parents for other in unique))


def _of(location: str, base: Path) -> list[Path]:
    kind, colon, path = location.partition(":")
    if not colon:
        kind, path = "classpath", location
    if kind == "filesystem":
        return _expanded(path, base)
    if kind != "classpath":
        raise VueloError("config.location", f"location {location!r}: vuelo reads filesystem: and classpath:")
    below = [_expanded(path.lstrip("/"), base / _RESOURCES), _expanded(path.lstrip("/"), base)]
    return next((found for found in below if any(one.is_dir() for one in found)), below[0])


def _expanded(path: str, base: Path) -> list[Path]:
    """`**` stands for any folders, or none; `*` and `?` for any part of one name, and one character of it."""
    parts = (base / path).parts
    plain = next((index for index, part in enumerate(parts) if any(one in part for one in _WILDCARDS)), None)
    if plain is None:
        return [base / path]
    wild = (part if part == "**" else part.replace("**", "*").replace("[", "[[]") for part in parts[plain:])
    return sorted(one for one in Path(*parts[:plain]).glob("/".join(wild)) if one.is_dir())
