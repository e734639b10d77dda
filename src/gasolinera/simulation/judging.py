"""What the draw of the day published, fetched as anybody may, and verified by whichever verifiers are here.

None of them sees the database or the server: they get files.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import msgspec

from gasolinera.paging import Page
from gasolinera.permissions import Caller, Role
from gasolinera.raffle.beacon import TEST, info_of
from gasolinera.raffle.bundles import Bundle
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.models import Entry
from gasolinera.raffle.models_draws import ListedDraw
from gasolinera.raffle.models_winners import Winner
from gasolinera.simulation.asking import accepted, good
from gasolinera.simulation.drawing import Hall

BUNDLE, ENTRIES, ROOT, CHAIN = "bundle.json", "entries.bin", "timestamp-root.pem", "beacon.json"
PROOF, RECEIPT = "proof.json", "receipt.json"
_VERDICTS: Final = {0: "verified", 1: "refused", 3: "consistent"}
_LIMIT_S: Final = 120.0


class Judgement(msgspec.Struct, frozen=True):
    """`verdict`: verified, consistent, refused, or why it gave none."""

    verifier: str
    verdict: str


def command_to_verify(folder: Path) -> tuple[str, ...]:
    """With everything that `fetch_draw` has written."""
    files_of = (("--tsa-root", ROOT), ("--entries", ENTRIES), ("--proof", PROOF), ("--receipt", RECEIPT))
    options = [part for option, name in files_of for part in (option, str(folder / name))]
    options += [part for key in _witness_keys(folder) for part in ("--witness-key", key)]
    return ("raffle", "verify", str(folder / BUNDLE), "--chain", "test", *options)


async def fetch_draw(hall: Hall, winner: Winner, folder: Path) -> bytes:
    """Writes the bundle, the whole list, what the beacon says of itself, and a winner's own receipt and proof beside
    the authority's root. Gives the bundle.
    """
    holder = Caller(role=Role.CUSTOMER, user_id=winner.user_id)
    draw = good(await hall.api.get(holder, f"{hall.path}/draw"), ListedDraw)
    entries = good(
        await hall.api.get(holder, f"/api/raffles/entries?raffle_code={draw.raffle_code}"), Page[Entry]
    ).items
    issuance = next(entry.issuance_id for entry in entries if winner.ticket_number in entry.numbers)
    path = f"/api/raffles/draws/{draw.draw_number}"
    for name, source in (
        (ENTRIES, f"{path}/entries"),
        (PROOF, f"/api/raffles/proofs/{winner.ticket_number}/own"),
        (RECEIPT, f"{hall.path}/entries/{issuance}/receipt"),
        (BUNDLE, f"{path}/bundle"),
    ):
        answer = await hall.api.get(holder, source)
        accepted(answer)
        (folder / name).write_bytes(answer.content)
    (folder / CHAIN).write_bytes(info_of(TEST))
    return (folder / BUNDLE).read_bytes()


async def judge(folder: Path) -> tuple[Judgement, ...]:
    """By our own; by the single file, copied alone into an empty folder; by the module, where there is Node."""
    folder = await asyncio.to_thread(folder.resolve)
    own, alone, node = await asyncio.gather(_by_platform(folder), _by_single_file(folder), _by_module(folder))
    said = [Judgement("gasolinera raffle verify", own), Judgement("verify_draw.py", alone)]
    return (*said, *([] if node is None else [Judgement("verify_draw.mjs", node)]))


async def _by_platform(folder: Path) -> str:
    program = "from gasolinera.cli.main import main; main()"
    return await _ran((sys.executable, "-c", program, *command_to_verify(folder)), folder, {})


async def _by_single_file(folder: Path) -> str:
    source = files("gasolinera.raffle.verifier").joinpath("verify_draw.py")
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        alone = Path(name)
        (alone / "verify_draw.py").write_bytes(source.read_bytes())
        for file in (BUNDLE, ENTRIES, ROOT, CHAIN):
            shutil.copy(folder / file, alone / file)
        command = (sys.executable, "verify_draw.py", BUNDLE, "--entries", ENTRIES, "--chain", CHAIN)
        command += ("--tsa-root", ROOT)
        return await _ran(command, alone, {})


async def _by_module(folder: Path) -> str | None:
    """None without Node or the module's libraries."""
    node = shutil.which("node")
    with as_file(files("gasolinera.web")) as web:
        if node is None or not (web / "node_modules").is_dir():
            return None
        # The terminals of the day are the day's own: whoever plays it has their keys from elsewhere than the draw.
        options = json.dumps({"chain": msgspec.to_builtins(TEST), "witnessKeys": _witness_keys(folder)})
        runner = str(web / "modules" / "verify_draw_node.mjs")
        command = (node, runner, str(folder / BUNDLE), str(folder / ENTRIES), options)
        return await _ran(command, folder, {})


def _witness_keys(folder: Path) -> list[str]:
    bundle = read_document(Bundle, (folder / BUNDLE).read_bytes())
    return [witness.public_key for witness in bundle.manifest.evidence.witnesses]


async def _ran(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """The verdict of a process that has nothing but these files and this environment."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"gave no answer within {_LIMIT_S:.0f} s"
    assert process.returncode is not None
    lines = said.decode(errors="replace").strip().splitlines() or [""]
    verdict = _VERDICTS.get(process.returncode)
    return verdict if verdict is not None and lines[-1].startswith(verdict.upper()) else f"failed: {lines[-1][:200]}"
