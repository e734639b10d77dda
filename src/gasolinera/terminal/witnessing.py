"""A terminal as a witness: it sees each freeze before the randomness exists, and signs that it did.

It keeps the last link of the chain of draws that it saw. A draw that is missing, that was changed afterwards, or that
a key has signed which it does not know is refused here, whatever the platform says.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import httpx
import msgspec

from gasolinera.errors import ConflictError
from gasolinera.raffle.documents import is_signed, read_document
from gasolinera.raffle.manifest import MANIFEST_FORMAT, Manifest
from gasolinera.raffle.models_evidence import DrawsWish, ShownDraw, ShownDraws, WitnessedDraw, witness_bytes
from gasolinera.terminal.device import Device, ask, tell, write_file

_PATH: Final = "/api/raffles/witnesses"


class Seen(msgspec.Struct, frozen=True):
    """The last link that this terminal saw, and the operator's keys (hex) that it takes; none: the next one."""

    draw_number: int = 0
    manifest_sha256: str | None = None
    operators: tuple[str, ...] = ()


class Witnessed(msgspec.Struct, frozen=True):
    """A link that was checked; `is_signed` where this terminal has signed it now."""

    draw_number: int
    raffle_code: str
    manifest_sha256: str
    is_signed: bool


class _Nothing(msgspec.Struct):
    pass


class _EnrolledWitness(msgspec.Struct):
    terminal_code: str


def witness(
    device: Device, *, now: datetime, operator: str | None = None, http: httpx.Client | None = None
) -> Sequence[Witnessed]:
    """Check each draw since the last one, and sign those that want it. What was signed stays signed.

    The first time it takes the keys of the chain as it finds it, and signs nothing yet, for no manifest lists it.
    `operator`: another key (hex) that is good from now on. Raises ConflictError `witness.chain_broken`,
    `witness.operator_changed`, and UnavailableError.
    """
    seen = _read(device)
    learns = seen.draw_number == 0
    if operator is not None:
        seen = msgspec.structs.replace(seen, operators=(*seen.operators, operator))
    ask(device, _PATH, _Nothing(), _EnrolledWitness, http)
    witnessed: list[Witnessed] = []
    while True:
        shown = ask(device, f"{_PATH}/draws", DrawsWish(after=seen.draw_number), ShownDraws, http).draws
        if not shown:
            return witnessed
        for draw in shown:
            seen, manifest = follow(seen, draw, learns=learns)
            if draw.wants_signature:
                tell(device, f"{_PATH}/signatures", _signed(device, draw, int(now.timestamp())), http)
            write_file(device.folder / "witness.json", msgspec.json.encode(seen))
            assert seen.manifest_sha256 is not None
            witnessed.append(
                Witnessed(seen.draw_number, manifest.raffle.code, seen.manifest_sha256, draw.wants_signature)
            )


def follow(seen: Seen, draw: ShownDraw, *, learns: bool = False) -> tuple[Seen, Manifest]:
    """The next link after `seen`; whoever `learns` takes its key too.

    Raises ConflictError `witness.chain_broken`, `witness.operator_changed`.
    """
    data = draw.manifest.encode()
    manifest = read_document(Manifest, data)
    if manifest.draw_number != seen.draw_number + 1 or draw.draw_number != manifest.draw_number:
        raise _broken(f"draw {seen.draw_number + 1} is missing")
    if manifest.previous != seen.manifest_sha256:
        raise _broken(f"draw {manifest.draw_number} does not follow the draw that this terminal saw before it")
    key = manifest.operator.public_key
    if seen.operators and key not in seen.operators and not learns:
        hint = "ask the operator why, and name the new key with --operator"
        raise ConflictError("witness.operator_changed", f"draw {manifest.draw_number} is signed with another key", hint)
    if not is_signed(bytes.fromhex(key), MANIFEST_FORMAT, data, bytes.fromhex(draw.signature)):
        raise _broken(f"the signature of draw {manifest.draw_number} is not good")
    operators = seen.operators if key in seen.operators else (*seen.operators, key)
    return Seen(manifest.draw_number, sha256(data).hexdigest(), operators), manifest


def _signed(device: Device, draw: ShownDraw, signed_at: int) -> WitnessedDraw:
    data = draw.manifest.encode()
    return WitnessedDraw(
        draw_number=draw.draw_number,
        manifest_sha256=sha256(data).hexdigest(),
        signed_at=signed_at,
        signature=device.key.sign(witness_bytes(data, signed_at)).signature.hex(),
    )


def _broken(sentence: str) -> ConflictError:
    return ConflictError("witness.chain_broken", sentence, "keep this terminal's folder: it is evidence")


def _read(device: Device) -> Seen:
    try:
        return msgspec.json.decode((device.folder / "witness.json").read_bytes(), type=Seen)
    except FileNotFoundError:
        return Seen()
