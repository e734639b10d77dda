"""The texts of what two services can say differently: `reconciling_kinds.toml`, checked when it is read."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

import msgspec

from gasolinera.ops.reconciling_models import Difference, Telling


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No steps: an event repairs it."""

    lacking: str
    says: str
    steps: tuple[str, ...] = ()


KINDS: Final[Mapping[str, Kind]] = msgspec.convert(
    tomllib.loads(files("gasolinera.ops").joinpath("reconciling_kinds.toml").read_text(encoding="utf-8")),
    dict[str, Kind],
)


def difference(
    kind: str,
    subject: str,
    at: datetime,
    *,
    telling: Telling | None = None,
    lacking: str | None = None,
    **facts: object,
) -> Difference:
    """Of a kind, with its words filled in."""
    found = KINDS[kind]
    assert not (found.steps and telling), f"{kind} is repaired by an event or by people"
    words = {"subject": subject, "at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", **facts}
    return Difference(
        kind=kind,
        subject=subject,
        at=at,
        lacking=lacking or found.lacking,
        explanation=found.says.format_map(words),
        telling=telling,
        steps=tuple(step.format_map(words) for step in found.steps),
    )
