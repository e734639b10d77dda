"""`gasolinera raffle verify`: a draw from its files alone; `gasolinera raffle test-beacon`: rounds for tests."""

import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from cryptography import x509
from rich.console import Console
from rich.table import Table

from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Environment
from gasolinera.errors import ConfigError, GasolineraError, InputError
from gasolinera.raffle.beacon import known_chain
from gasolinera.raffle.verifying import Trust, verdict_of, verify_bundle
from gasolinera.raffle.verifying_lists import Extras, verify_extras, wanted_by
from gasolinera.raffle.verifying_reports import EXIT_CODES, Check, Report, Verdict
from gasolinera.raffle.verifying_whole import Seen

_MAX_FILE_BYTES: Final = 256 * 1024 * 1024
_HASH: Final = re.compile("[0-9a-f]{64}")
_STYLES: Final = {"good": "green", "held": "green", "bad": "bold red", "not held": "yellow", "not checked": "yellow"}
_VERDICTS: Final[dict[Verdict, tuple[str, str]]] = {
    "verified": ("bold green", "VERIFIED: every check is good, the whole list too, which was frozen before the round"),
    "consistent": (
        "bold yellow",
        "CONSISTENT: nothing is wrong, and not everything is proven: the lines that are not good say what is missing",
    ),
    "refused": ("bold red", "REFUSED: this draw is not what it says"),
}

File = Annotated[Path, typer.Argument(metavar="BUNDLE", help="What a draw has published.")]
OperatorKeys = Annotated[
    list[str] | None, typer.Option("--operator-key", help="From where you trust it; hexadecimal; may be given again.")
]
WitnessKeys = Annotated[
    list[str] | None, typer.Option("--witness-key", help="Of a terminal whose word you trust; may be given again.")
]
ChainName = Annotated[
    str, typer.Option("--chain", metavar="quicknet|test|FILE", help="The beacon; a file as drand says at /info.")
]
Roots = Annotated[
    list[Path] | None, typer.Option("--tsa-root", help="Certificates of an authority of time that you trust; PEM.")
]
Kept = Annotated[str | None, typer.Option("--kept-manifest", help="SHA-256 of the manifest, as you kept it before.")]
EntriesFile = Annotated[Path | None, typer.Option("--entries", help="The whole list: without it no draw is verified.")]
ExcludedFile = Annotated[Path | None, typer.Option("--excluded", help="The list of who was left out.")]
ProofFile = Annotated[Path | None, typer.Option("--proof", help="A proof that one entry took part.")]
ReceiptFile = Annotated[Path | None, typer.Option("--receipt", help="The receipt of an entry.")]


class _Answer(msgspec.Struct, frozen=True):
    verdict: Verdict
    is_test: bool
    checks: tuple[Check, ...]


def verify(  # noqa: PLR0913  a command's options are its arguments
    bundle: File,
    *,
    operator_key: OperatorKeys = None,
    witness_key: WitnessKeys = None,
    chain: ChainName = "quicknet",
    tsa_root: Roots = None,
    kept_manifest: Kept = None,
    entries: EntriesFile = None,
    excluded: ExcludedFile = None,
    proof: ProofFile = None,
    receipt: ReceiptFile = None,
    as_json: AsJson = False,
) -> None:
    """Verify a draw from its bundle, without any server. Exit 0 verified, 3 consistent, 1 refused, 2 unreadable."""
    with ExitStack() as files:
        try:
            trust = Trust(
                chain=known_chain(chain),
                operator_keys=frozenset(_hexadecimal("--operator-key", key) for key in operator_key or ()),
                witness_keys=frozenset(_hexadecimal("--witness-key", key) for key in witness_key or ()),
                tsa_roots=tuple(root for path in tsa_root or () for root in _certificates(path)),
                kept_manifest=None if kept_manifest is None else _hexadecimal("--kept-manifest", kept_manifest),
            )
            data = _read(bundle)
            listed = None if entries is None else files.enter_context(entries.open("rb"))
            extras = Extras(
                operator_keys=trust.operator_keys,
                excluded=None if excluded is None else _read(excluded),
                proof=None if proof is None else _read(proof),
                receipt=None if receipt is None else _read(receipt),
            )
        except (GasolineraError, OSError) as error:
            raise typer.BadParameter(f"{error}") from None  # exit code 2: nothing was checked, so nothing is refused
        seen = Seen(wanted=wanted_by(extras.receipt))
        report = verify_bundle(data, trust, listed, seen)
        checks = list(report.checks)
        if report.manifest is not None:
            checks += verify_extras(report.manifest, extras, seen)
    verdict = verdict_of(checks)
    if as_json:
        answer = _Answer(verdict, report.is_test, tuple(checks))
        write_json(answer)
    else:
        _show(report, checks, verdict)
    raise typer.Exit(EXIT_CODES[verdict])


def serve_test_beacon(
    *, port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8090
) -> None:
    """Serve the rounds of the test beacon on this host, as drand's relays do: anybody can know them beforehand."""
    with reachable_settings() as settings:
        if settings.environment is Environment.PRODUCTION:
            raise ConfigError("beacon.test", "production has no test beacon", "its draws follow drand's quicknet")
    from gasolinera.raffle.beacon_local import local_beacon, serve_rounds  # noqa: PLC0415  its import takes a second

    with serve_rounds(local_beacon(), port, lambda: datetime.now(UTC)) as server:
        host, bound = server.server_address[:2]
        sys.stderr.write(f"rounds at http://{host!s}:{bound}/{local_beacon().chain.chain_hash}/public/NUMBER\n")
        server.serve_forever()


def _show(report: Report, checks: list[Check], verdict: Verdict) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    if report.manifest is not None:
        raffle = report.manifest.raffle
        console.print(_plain(f"Raffle {raffle.code}: {raffle.name}"))
    table = Table("Check", "Outcome", "What was found")
    for check in checks:
        table.add_row(check.name, f"[{_STYLES.get(check.outcome, 'default')}]{check.outcome}", _plain(check.words))
    console.print(table)
    if report.is_test:
        console.print(
            "This draw follows the TEST BEACON: anybody can know its rounds beforehand. It proves nothing.",
            style="bold red",
        )
    style, words = _VERDICTS[verdict]
    console.print(words, style=style)


def _plain(words: str) -> str:
    """Nothing that a bundle says becomes colour, or moves the terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in words).replace("[", r"\[")


def _read(path: Path) -> bytes:
    """Raises InputError `verify.too_large`, OSError."""
    with path.open("rb") as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise InputError("verify.too_large", f"{path} is larger than any document of a draw")
    return data


def _hexadecimal(option: str, text: str) -> str:
    if not _HASH.fullmatch(text.lower()):
        raise InputError("verify.hexadecimal", f"{option} is no value of 64 hexadecimal digits")
    return text.lower()


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise InputError("verify.certificates", f"{path} holds no certificates in PEM") from None
