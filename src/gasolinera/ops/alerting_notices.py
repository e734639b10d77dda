"""How an alert is told: one signed POST for all notices of a run, in the shape that receivers of Alertmanager know, or
in Slack's. The signature is that of the partners' webhooks (Standard Webhooks).
"""

import binascii
import hashlib
import hmac
import re
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from gasolinera.config import PREFIX, Settings
from gasolinera.errors import ConfigError, HTTPStatus, UnavailableError
from gasolinera.ops.alerting import Notice
from gasolinera.ops.checking import Unit
from gasolinera.ops.checking_words import WORDING, amount_text

_PREFIX_OF_SECRETS: Final = "whsec_"
_TRIES: Final = 3
_TRY_S: Final = 5.0
_PAUSES_S: Final = (0.5, 2.0)
_MARKS: Final = {"CRITICAL": "\N{LARGE RED CIRCLE}", "WARNING": "\N{LARGE YELLOW CIRCLE}"}
_RUNBOOKS: Final = "docs/how-to/health-checks.md"


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told. `secrets`: keys that sign, or none where the address itself is the secret."""

    url: str
    secrets: tuple[bytes, ...] = ()
    shape: Literal["alertmanager", "slack"] = "alertmanager"
    place: str = "gasolinera"
    language: str = "en"
    pauses_s: Sequence[float] = _PAUSES_S


class Told(msgspec.Struct, frozen=True):
    """What the receiver answered. `error` is a reason without the address, which may hold a secret."""

    status: int | None
    error: str | None = None

    @property
    def is_good(self) -> bool:
        return self.error is None


def receiver_of(settings: Settings, *, place: str, language: str = "en") -> Receiver | None:
    """None: nobody is to be told. Raises ConfigError `ops.alert_secret`."""
    if settings.alert_webhook_url is None:
        return None
    secrets: tuple[bytes, ...] = ()
    if settings.alert_webhook_secret is not None:
        secrets = (_key_of(settings.alert_webhook_secret.get_secret_value()),)
    elif settings.alert_webhook_shape == "alertmanager":
        hint = f"set {PREFIX}ALERT_WEBHOOK_SECRET to whsec_ and the base64 of 32 random bytes"
        raise ConfigError("ops.alert_secret", "alerts are signed, and there is no secret to sign them with", hint)
    url = settings.alert_webhook_url.get_secret_value()
    return Receiver(url=url, secrets=secrets, shape=settings.alert_webhook_shape, place=place, language=language)


def _key_of(secret: str) -> bytes:
    try:
        if not secret.startswith(_PREFIX_OF_SECRETS):
            raise ValueError
        key = b64decode(secret.removeprefix(_PREFIX_OF_SECRETS), validate=True)
        if not 24 <= len(key) <= 64:
            raise ValueError
    except (ValueError, binascii.Error):
        hint = "make one: echo whsec_$(head -c 32 /dev/urandom | base64)"
        wrong = f"{PREFIX}ALERT_WEBHOOK_SECRET is not whsec_ and the base64 of 24 to 64 bytes"
        raise ConfigError("ops.alert_secret", wrong, hint) from None
    return key


def tell(receiver: Receiver, notices: Sequence[Notice]) -> Told:
    """One POST, tried three times. Its `Webhook-Id` is the same each time these notices are told together."""
    key = hashlib.sha256(" ".join(sorted(notice.key for notice in notices)).encode()).hexdigest()[:32]
    return post(receiver, f"alert_{key}", body_of(receiver, notices, datetime.now(UTC)))


def tell_test(receiver: Receiver) -> Told:
    """A notice that says that it is a test, tried once."""
    now = datetime.now(UTC)
    notice = Notice(
        id=0,
        kind="firing",
        fingerprint="0" * 16,
        check_name="test",
        severity="WARNING",
        objects=(),
        amount=None,
        unit=str(Unit.NONE),
        first_seen_at=now,
        resolved_at=None,
        told_count=0,
    )
    once = msgspec.structs.replace(receiver, pauses_s=())
    return post(once, f"alert_test_{now:%Y%m%d%H%M%S%f}", body_of(receiver, [notice], now))


def body_of(receiver: Receiver, notices: Sequence[Notice], now: datetime) -> bytes:
    """In Alertmanager's shape (version 4) with `text` for people, or with nothing but the text."""
    texts = [_text(receiver, notice) for notice in notices]
    if receiver.shape == "slack":
        return msgspec.json.encode({"text": "\n".join(texts)})
    is_over = all(notice.kind == "resolved" for notice in notices)
    return msgspec.json.encode(
        {
            "version": "4",
            "receiver": "gasolinera",
            "status": "resolved" if is_over else "firing",
            "groupKey": receiver.place,
            "groupLabels": {"place": receiver.place},
            "commonLabels": {"place": receiver.place},
            "commonAnnotations": {},
            "sent_at": now.isoformat(),
            "text": "\n".join(texts),
            "alerts": [_alert(receiver, notice) for notice in notices],
        }
    )


def _alert(receiver: Receiver, notice: Notice) -> dict[str, Any]:
    name, means, do = words_of(notice.check_name, receiver.language)
    return {
        "status": "resolved" if notice.kind == "resolved" else "firing",
        "notice": notice.kind,
        "fingerprint": notice.fingerprint,
        "labels": {
            "alertname": notice.check_name,
            "severity": notice.severity.lower(),
            "place": receiver.place,
        },
        "annotations": {
            "summary": _summary(name, notice),
            "description": means,
            "action": do,
            "objects": ", ".join(notice.objects),
            "runbook": runbook_of(notice.check_name),
        },
        "startsAt": notice.first_seen_at.isoformat(),
        "endsAt": None if notice.resolved_at is None else notice.resolved_at.isoformat(),
    }


def words_of(check_name: str, language: str) -> tuple[str, str, str]:
    """What a check is called, what it means and what to do: texts of the database page, or the bare name."""
    if check_name == "test":
        return "Test", "Somebody has asked whether alerts arrive: this one did.", ""
    message = f"check-{check_name.replace('_', '-')}"
    known = WORDING.names(language)
    name, means, do = (
        WORDING.text(language, one) if one in known else "" for one in (message, f"{message}-means", f"{message}-do")
    )
    return name or check_name, means, do


def runbook_of(check_name: str) -> str:
    """The section of the page, under the name that a reader of Markdown gives to its heading."""
    title = words_of(check_name, "en")[0].lower()
    heading = re.sub(r"[^\w -]", "", f"{check_name} {title}").replace(" ", "-")
    return f"{_RUNBOOKS}#{heading}"


def _text(receiver: Receiver, notice: Notice) -> str:
    name, means, do = words_of(notice.check_name, receiver.language)
    mark = "\N{LARGE GREEN CIRCLE}" if notice.kind == "resolved" else _MARKS[notice.severity]
    first = f"{mark} [{receiver.place}] {notice.kind}: {_summary(name, notice)}"
    if notice.kind == "resolved":
        return first
    return "\n".join(one for one in (first, f"{means} {do}".strip(), ", ".join(notice.objects)) if one)


def _summary(name: str, notice: Notice) -> str:
    if notice.kind == "resolved":
        return name
    known = {str(unit): unit for unit in Unit}
    amount = amount_text(notice.amount, known.get(notice.unit, Unit.NONE))
    return f"{name} ({notice.severity.lower()}{', ' + amount if amount else ''})"


def post(receiver: Receiver, message_id: str, body: bytes) -> Told:
    """Until it is taken; 429 and 5xx are tried again, any other refusal is final. Redirects are not followed."""
    told = Told(None, "nothing was sent")
    # The proxies of the environment are for what is outside.
    with httpx.Client(
        timeout=_TRY_S, verify=_tls(), trust_env=not _is_near(receiver.url), follow_redirects=False
    ) as client:
        for pause_s in (0.0, *receiver.pauses_s):
            time.sleep(pause_s)
            told, is_final = _try(client, receiver, message_id, body)
            if is_final:
                break
    return told


def _try(client: httpx.Client, receiver: Receiver, message_id: str, body: bytes) -> tuple[Told, bool]:
    headers = {"content-type": "application/json", "user-agent": "Gasolinera-Alerts"}
    headers |= _signed(receiver.secrets, message_id, int(time.time()), body)
    try:
        with client.stream("POST", receiver.url, content=body, headers=headers) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Told(None, type(error).__name__), False
    if 200 <= status < 300:
        return Told(status), True
    is_busy = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    return Told(status, f"it answered {status}"), not is_busy


def _signed(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    content = f"{message_id}.{timestamp}.".encode() + body
    named = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if not secrets:
        return named
    signatures = [f"v1,{b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()}" for secret in secrets]
    return named | {"webhook-signature": " ".join(signatures)}


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def refused(told: Told) -> UnavailableError:
    """What a command says of a receiver that did not take it."""
    hint = f"look at {PREFIX}ALERT_WEBHOOK_URL, then try `gasolinera ops alerts test`"
    return UnavailableError("ops.alert_untold", f"the receiver of alerts was not told: {told.error}", hint)


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes some 20 ms of CPU: once a process."""
    return httpx.create_ssl_context()
