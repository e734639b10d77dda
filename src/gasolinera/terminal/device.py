"""A terminal's folder, and what it asks of the platform: enrolment, documents, a lease, and to take its queue."""

import hashlib
import os
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import httpx
import msgspec
from nacl.signing import SigningKey

from gasolinera.coupon import qr_documents
from gasolinera.coupon.qr import read, unpack
from gasolinera.errors import ConflictError, GasolineraError, InputError, UnavailableError
from gasolinera.keyring import to_base64url
from gasolinera.redemption.models import Fuel, Fuelling, purchased
from gasolinera.redemption.models_offline import MAX_BATCH, EntryState, Lease, LeaseWish, SyncAnswer, SyncRequest
from gasolinera.redemption.offline_entries import OfflineEntry
from gasolinera.station.models_terminals import (
    HEADER,
    Enrolment,
    TerminalSignature,
    enrolment_bytes,
    normalized_code,
    signed_bytes,
)
from gasolinera.terminal.deciding import Decision, Held, OfflineRefusedError, Taken, decide
from gasolinera.terminal.queue_file import Queue, QueuedEntry, open_queue

_TIMEOUT_S: Final = 30.0
_MILLISECOND: Final = 1000
Answer = TypeVar("Answer", bound=msgspec.Struct)


class Enrolled(msgspec.Struct, frozen=True):
    """Which terminal it is, and of which platform. `root`, in hex: only keys that it has endorsed are good."""

    terminal_code: str
    station_code: str
    url: str
    root: str | None = None

    @property
    def root_key(self) -> bytes | None:
        return None if self.root is None else bytes.fromhex(self.root)


class Device(msgspec.Struct, frozen=True):
    folder: Path
    enrolled: Enrolled
    key: SigningKey


class Sale(Fuelling, frozen=True, kw_only=True):
    """What is redeemed, for whom and by whom."""

    text: str
    employee_number: str
    fuel_type: Fuel
    customer: UUID | None = None
    dispenser_code: str | None = None


class _Problem(msgspec.Struct):
    code: str
    detail: str


class _EnrolledAs(msgspec.Struct):
    terminal_code: str
    station_code: str


def enrol(folder: Path, url: str, code: str, *, root: bytes | None = None, http: httpx.Client | None = None) -> Device:
    """A new terminal with a key of its own, which never leaves the folder. Raises InputError `terminal.code`."""
    parts = normalized_code(code)
    if parts is None:
        raise InputError("terminal.code", "this is no code that lets a device in")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = SigningKey.generate()
    _write_secret(folder / "key", bytes(key).hex())
    public = bytes(key.verify_key)
    proof = key.sign(enrolment_bytes(*parts, public)).signature
    body = Enrolment(code=code, public_key=to_base64url(public), signature=to_base64url(proof))
    try:
        told = _send(http, "POST", f"{url.rstrip('/')}/api/stations/terminals", msgspec.json.encode(body), {})
        found = msgspec.json.decode(told.content, type=_EnrolledAs)
    except BaseException:
        (folder / "key").unlink()
        raise
    enrolled = Enrolled(found.terminal_code, found.station_code, url.rstrip("/"), None if root is None else root.hex())
    write_file(folder / "device.json", msgspec.json.encode(enrolled))
    return Device(folder, enrolled, key)


def open_device(folder: Path) -> Device:
    """Raises ConflictError `terminal.not_enrolled`."""
    try:
        enrolled = msgspec.json.decode((folder / "device.json").read_bytes(), type=Enrolled)
        key = SigningKey(bytes.fromhex((folder / "key").read_text(encoding="ascii")))
    except FileNotFoundError:
        hint = "gasolinera terminal enrol"
        raise ConflictError("terminal.not_enrolled", f"{folder} is no terminal's folder", hint) from None
    return Device(folder, enrolled, key)


def take(device: Device, sale: Sale, *, now: datetime) -> tuple[Decision, QueuedEntry]:
    """Decided and queued without a connection. Raises QrError, OfflineRefusedError, and InputError for the amounts."""
    held = _held(device, now)
    bought = purchased(sale, held.lease.currency)
    at = now.replace(microsecond=now.microsecond // _MILLISECOND * _MILLISECOND)
    with _queue_of(device) as queue:
        decision = decide(sale.text, bought, sale.customer, held=held, taken=_taken(queue, held.lease.lease_id), now=at)
        sequence, previous = queue.head
        entry = OfflineEntry(
            terminal_code=device.enrolled.terminal_code,
            sequence=sequence + 1,
            previous_sha256=previous,
            lease_id=held.lease.lease_id,
            used_at=at,
            employee_number=sale.employee_number,
            coupon=sale.text.strip("\r\n\t"),
            customer=sale.customer,
            fuel_type=sale.fuel_type,
            amount=bought.amount,
            discount_amount=decision.discount_amount,
            currency=held.lease.currency,
            fuel_litres=bought.litres,
            price_per_litre=bought.price_per_litre,
            dispenser_code=sale.dispenser_code,
        )
        return decision, queue.append(entry)


def sync(device: Device, *, http: httpx.Client | None = None) -> list[EntryState]:
    """Tell all that the platform does not know yet, in batches. What a lost answer was about is told again.

    Raises UnavailableError, and ConflictError `offline.*` as the platform does; what it has taken stays taken.
    """
    states: list[EntryState] = []
    with _queue_of(device) as queue:
        waiting = queue.entries[_synced(device) :]
        while waiting:
            batch = SyncRequest(tuple(one.signed for one in waiting[:MAX_BATCH]))
            answer = ask(device, "/api/redemptions/offline/entries", batch, SyncAnswer, http)
            states.extend(answer.entries)
            write_file(
                device.folder / "synced.json", msgspec.json.encode(min(answer.head_sequence, len(queue.entries)))
            )
            if answer.stopped_by is not None:
                sentence = f"the platform stopped after entry {answer.head_sequence}: {answer.stopped_by}"
                raise ConflictError("offline.stopped", sentence, "tell the station's administrator")
            waiting = waiting[MAX_BATCH:]
    return states


def refresh(device: Device, *, now: datetime, http: httpx.Client | None = None) -> Lease:
    """Sync, then the newest keys, revocations and lease. Raises QrError `qr.document_*` too; the old ones stay then."""
    sync(device, http=http)
    key_set, root = _document(device, "keys", http), device.enrolled.root_key
    try:
        old = qr_documents.read_key_set(_text(device, "keys"), trusted=None, now=now, root=root)
        trusted, after = qr_documents.keys_of(old), old.version
    except GasolineraError:
        trusted, after = None, 0  # none yet, or off for longer than a set is good: it comes over HTTPS
    keys = qr_documents.keys_of(qr_documents.read_key_set(key_set, trusted=trusted, now=now, after=after, root=root))
    revocations = _document(device, "revocations", http)
    version = qr_documents.read_list(revocations, keys=keys, now=now)[0].version
    if version < _version_of_list(device):
        raise ConflictError("qr.document_old", "the platform's revocation list is older than the one at hand")
    with _queue_of(device) as queue:
        sequence, head = queue.head
        try:
            lease = ask(device, "/api/redemptions/offline/leases", LeaseWish(sequence, head.hex()), Lease, http)
        except ConflictError as refused:
            if refused.code == "offline.not_enabled":  # the platform has ended the lease at hand as well
                (device.folder / "lease.json").unlink(missing_ok=True)
            raise
    write_file(device.folder / "keys", key_set.encode())
    write_file(device.folder / "revocations", revocations.encode())
    write_file(device.folder / "revocations.version", msgspec.json.encode(version))
    write_file(device.folder / "lease.json", msgspec.json.encode(lease))
    return lease


def waiting(device: Device) -> int:
    """How many entries the platform has not confirmed."""
    with _queue_of(device) as queue:
        return len(queue.entries) - _synced(device)


def _held(device: Device, now: datetime) -> Held:
    """Raises OfflineRefusedError `offline.no_lease`, QrError `qr.document_*` for what has ended."""
    try:
        lease = msgspec.json.decode((device.folder / "lease.json").read_bytes(), type=Lease)
    except FileNotFoundError:
        raise OfflineRefusedError("offline.no_lease", "the terminal has no lease", "refresh it") from None
    held = qr_documents.read_key_set(_text(device, "keys"), trusted=None, now=now, root=device.enrolled.root_key)
    keys = qr_documents.keys_of(held)
    return Held(keys, qr_documents.read_list(_text(device, "revocations"), keys=keys, now=now)[1], lease)


def _taken(queue: Queue, lease_id: UUID) -> Taken:
    under_lease = [one.entry.discount_amount for one in queue.entries if one.entry.lease_id == lease_id]
    return Taken(
        count=len(under_lease),
        total=sum(under_lease, Decimal(0)),
        coupons=frozenset(unpack(read(one.entry.coupon).body).coupon for one in queue.entries),
        last_at=queue.entries[-1].entry.used_at if queue.entries else None,
    )


def _queue_of(device: Device) -> AbstractContextManager[Queue]:
    return open_queue(device.folder / "queue.jsonl", device.key, device.enrolled.terminal_code)


def _synced(device: Device) -> int:
    return _number(device, "synced.json")


def _version_of_list(device: Device) -> int:
    return _number(device, "revocations.version")


def _number(device: Device, name: str) -> int:
    try:
        return msgspec.json.decode((device.folder / name).read_bytes(), type=int)
    except FileNotFoundError:
        return 0


def _text(device: Device, name: str) -> str:
    try:
        return (device.folder / name).read_text(encoding="ascii")
    except FileNotFoundError:
        raise OfflineRefusedError("offline.no_lease", "the terminal was never in sync", "refresh it") from None


def _document(device: Device, what: str, http: httpx.Client | None) -> str:
    return _send(http, "GET", f"{device.enrolled.url}/api/coupons/qr/{what}", b"", {}).text.strip()


def ask(device: Device, target: str, body: msgspec.Struct, kind: type[Answer], http: httpx.Client | None) -> Answer:
    """Raises ConflictError with the platform's code, UnavailableError `terminal.no_connection`."""
    return msgspec.json.decode(tell(device, target, body, http), type=kind)


def tell(device: Device, target: str, body: msgspec.Struct, http: httpx.Client | None) -> bytes:
    """A request that this terminal signs. Raises as `ask` does."""
    content = msgspec.json.encode(body)
    nonce, time_ms = os.urandom(16), int(datetime.now(UTC).timestamp() * _MILLISECOND)
    parts = TerminalSignature(device.enrolled.terminal_code, time_ms, nonce, b"")
    signature = device.key.sign(signed_bytes(parts, "POST", target, hashlib.sha256(content).digest())).signature
    header = (
        f"terminal={parts.terminal_code}, time={time_ms}, nonce={to_base64url(nonce)}, "
        f"signature={to_base64url(signature)}"
    )
    headers = {HEADER: header, "content-type": "application/json"}
    return _send(http, "POST", device.enrolled.url + target, content, headers).content


def _send(http: httpx.Client | None, method: str, url: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    headers = {"content-type": "application/json"} | headers if content else headers
    try:
        if http is not None:
            answer = http.request(method, url, content=content, headers=headers)
        else:
            answer = httpx.request(method, url, content=content, headers=headers, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError("terminal.no_connection", f"{url} does not answer: {error}") from None
    if answer.is_success:
        return answer
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        raise UnavailableError("terminal.no_connection", f"{url} answers {answer.status_code}") from None
    raise ConflictError(problem.code, problem.detail)


def write_file(path: Path, content: bytes) -> None:
    """Whole or not at all, whatever crashes."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_secret(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        hint = "name another folder"
        raise ConflictError("terminal.enrolled_already", f"{path.parent} is a terminal's already", hint) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
