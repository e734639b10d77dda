"""`gasolinera qr`: is a scanned text a coupon of ours, and what does it say; codes as pictures."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer

from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Environment, Settings
from gasolinera.coupon import codes, qr, qr_documents
from gasolinera.coupon import queries_qr as queries
from gasolinera.coupon.qr import QrKey
from gasolinera.coupon.qr_keys import endorse_keys
from gasolinera.coupon.qr_verdict import Verdict, judge
from gasolinera.coupon.queries_qr import CouponState
from gasolinera.database import RequestContext, open_database
from gasolinera.drawing import Level, characters, svg, symbol_of
from gasolinera.errors import ConfigError, ConflictError, InputError, UnavailableError, UnknownError
from gasolinera.key_file import Key, current_key, read_key_file
from gasolinera.keyring import from_base64url, public_key

app = typer.Typer(help="The signed QR codes of coupons.", no_args_is_help=True)

_TIMEOUT_S = 10.0
_FAILURE = 1
_ROOT_BYTES = 32

Text = Annotated[str, typer.Argument(help="What a reader says; - reads it from standard input.")]
KeysFile = Annotated[Path | None, typer.Option("--keys", help="A saved key set: nothing else is asked.")]
ListFile = Annotated[Path | None, typer.Option("--revocations", help="A saved revocation list, with --keys.")]
Url = Annotated[str | None, typer.Option("--url", help="The platform's address, for its published keys and list.")]
Root = Annotated[
    str | None,
    typer.Option("--root", help="The public half of the root, as `qr endorse` prints it: others are no keys."),
]
ForEnvironment = Annotated[
    Environment | None, typer.Option("--environment", "-e", help="The ring's. Default: GASOLINERA_ENVIRONMENT.")
]
RootFile = Annotated[Path, typer.Option("--root-file", help="A key ring with coupon_root alone, kept away from hosts.")]


@app.command("verify")
def verify(
    text: Text,
    *,
    keys: KeysFile = None,
    revocations: ListFile = None,
    url: Url = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a scanned text is a good coupon of ours, and what it says. Exit 1 when it is not.

    With --keys offline, with --url by what the platform publishes, else by the database, which knows its status too.
    """
    if keys is not None and url is not None:
        raise typer.BadParameter("--keys and --url exclude each other")
    if revocations is not None and keys is None:
        raise typer.BadParameter("--revocations needs --keys")
    if root is not None and keys is None and url is None:
        raise typer.BadParameter("--root needs --keys or --url")
    shown = _text(text)
    pinned = None if root is None else root_half(root)
    now = datetime.now(UTC)
    if keys is not None:
        verdict = _by_documents(shown, _read(keys), None if revocations is None else _read(revocations), now, pinned)
    elif url is not None:
        verdict = _by_documents(shown, _fetch(url, "keys"), _fetch(url, "revocations"), now, pinned)
    else:
        verdict = asyncio.run(_by_database(shown, now))
    _show(verdict, as_json=as_json)
    if not verdict.is_good:
        raise typer.Exit(_FAILURE)


@app.command("endorse")
def endorse(*, root_file: RootFile, environment: ForEnvironment = None) -> None:
    """Say with the root key which keys of codes are the platform's, and print the root's public half.

    Once after each `gasolinera keys rotate coupon`, where the root key is: the database gets signatures alone.
    """
    with reachable_settings() as settings:
        ring = read_key_file(root_file, environment or settings.environment)
        root = current_key(ring.keys, "coupon_root", datetime.now(UTC))
        if root is None:
            hint = "make one: gasolinera keys generate --purpose coupon_root --file FILE"
            raise ConfigError("keys.purpose_missing", f"{root_file} has no root key", hint)
        endorsed = asyncio.run(_endorse(settings, root))
    numbers = ", ".join(str(number) for number in endorsed) or "none was new"
    sys.stderr.write(f"endorsed keys of codes: {numbers}\n")
    sys.stdout.write(f"{public_key(root).x}\n")


async def _endorse(settings: Settings, root: Key) -> tuple[int, ...]:
    context = RequestContext(actor="cli:qr.endorse")
    async with open_database(settings, "coupon") as db, db.transaction(context) as conn:
        return await endorse_keys(conn, root)


def root_half(text: str) -> bytes:
    """Raises InputError `qr.root`."""
    try:
        half = from_base64url(text)
    except ValueError:
        half = b""
    if len(half) != _ROOT_BYTES:
        raise InputError(
            "qr.root", "this is no public half of a root key", "43 characters, as `qr endorse` prints them"
        )
    return half


@app.command("draw")
def draw(
    text: Annotated[str, typer.Argument(help="A code as text, or the letters of a coupon in the database.")],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="An SVG file, instead of the terminal.")] = None,
    link: Annotated[str | None, typer.Option("--link", help="As a link to this address, for phone cameras.")] = None,
    level: Annotated[Level, typer.Option(help="Error correction.")] = "M",
) -> None:
    """Draw a coupon's QR code."""
    shown = _text(text)
    drawn = symbol_of(_drawn_text(shown, link), level)
    if output is None:
        sys.stdout.write(characters(drawn, in_colour=sys.stdout.isatty()))
        return
    try:
        output.write_text(svg(drawn) + "\n", encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that exists and may be written"
        raise InputError("qr.unwritable", f"{output} cannot be written: {error.strerror}", hint) from None


def _drawn_text(shown: str, link: str | None) -> str:
    """Raises QrError for what is no code, UnknownError and ConflictError for a coupon without one."""
    code = codes.normalised(shown)
    if code is None:
        signed = qr.read(shown)
        if link is None:
            return shown
        return qr.as_link(link, signed.body, signed.signature)
    state = asyncio.run(_state_of(code))
    if state is None:
        raise UnknownError("coupon.unknown", "there is no coupon with this code")
    if state.qr_payload is None or state.qr_signature is None:
        raise ConflictError("qr.unsigned", "the coupon has no QR code")
    if link is not None:
        return qr.as_link(link, state.qr_payload, state.qr_signature)
    return qr.as_text(state.qr_payload, state.qr_signature)


def _by_documents(text: str, key_set: str, revocations: str | None, now: datetime, root: bytes | None) -> Verdict:
    """Raises QrError `qr.document_*` for documents that are none: the verdict is about the text alone."""
    keys = qr_documents.keys_of(qr_documents.read_key_set(key_set, trusted=None, now=now, root=root))
    bits = None if revocations is None else qr_documents.read_list(revocations, keys=keys, now=now)[1]
    return judge(text, keys, now=now, revoked_bits=bits)


async def _by_database(text: str, now: datetime) -> Verdict:
    with reachable_settings() as settings:
        async with open_database(settings, "coupon") as db, db.connection() as conn:
            stored = await queries.list_qr_keys(conn)
            keys = {key.key_id: QrKey(key.key_id, key.public_key, key.revoked_at) for key in stored}
            verdict = judge(text, keys, now=now, revoked_bits=None)
            if verdict.fields is None:
                return verdict
            code = codes.normalised(verdict.fields.coupon_code)
            assert code is not None, "codes are shown as they are read"
            state = await queries.find_coupon_state(conn, code)
    return _with_state(verdict, state)


def _with_state(verdict: Verdict, state: CouponState | None) -> Verdict:
    if state is None:
        return msgspec.structs.replace(
            verdict, is_good=False, problem="coupon.unknown", message="the database has no such coupon"
        )
    known = msgspec.structs.replace(
        verdict,
        status=state.status,
        campaign_code=state.campaign_code,
        uses_left=state.max_usage - state.usage_count,
    )
    if not verdict.is_good or (state.status, state.campaign_status) == ("ACTIVE", "ACTIVE"):
        return known
    message = f"the coupon is {state.status}, says the database"
    if state.status == "ACTIVE":
        message = f"the coupon's campaign is {state.campaign_status}, says the database"
    return msgspec.structs.replace(known, is_good=False, problem="coupon.not_active", message=message)


async def _state_of(code: str) -> CouponState | None:
    with reachable_settings() as settings:
        async with open_database(settings, "coupon") as db, db.connection() as conn:
            return await queries.find_coupon_state(conn, code)


def _text(text: str) -> str:
    """A shell takes $ and % for its own: standard input does not."""
    return sys.stdin.readline(qr.MAX_TEXT + 2).strip("\r\n\t") if text == "-" else text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise InputError("qr.document_malformed", f"{path} is no document of the platform") from None
    except OSError as error:
        raise InputError("qr.unreadable", f"{path} cannot be read: {error.strerror}") from None


def _fetch(url: str, what: str) -> str:
    address = f"{url.rstrip('/')}/api/coupons/qr/{what}"
    try:
        answer = httpx.get(address, timeout=_TIMEOUT_S, follow_redirects=False)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError("qr.platform_unreachable", f"{address} does not answer: {error}") from None
    return answer.text.strip()


def _show(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        write_json(verdict)
        return
    said = {} if verdict.fields is None else msgspec.structs.asdict(verdict.fields)
    said["flags"] = ", ".join(said.get("flags", ()))
    said |= {"status": verdict.status, "campaign_code": verdict.campaign_code, "uses_left": verdict.uses_left}
    for name, value in said.items():
        if value not in (None, ""):
            sys.stdout.write(f"{name:14}{value}\n")
    if verdict.is_good:
        sys.stderr.write("good\n" if verdict.is_revoked is not None or verdict.status else "good, as far as it says\n")
    else:
        sys.stderr.write(f"bad: {verdict.message} ({verdict.problem})\n")
