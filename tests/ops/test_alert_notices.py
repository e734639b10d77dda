"""What a receiver of alerts gets: signed as partners' webhooks are, in Alertmanager's shape or Slack's."""

import base64
import hashlib
import hmac
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest

from gasolinera.cli.operations.check import ALL_RULES
from gasolinera.config import Settings, load_settings
from gasolinera.errors import ConfigError
from gasolinera.ops.alerting import Notice
from gasolinera.ops.alerting_notices import Receiver, receiver_of, runbook_of, tell, tell_test, words_of
from tests.deploy.test_prometheus import REPOSITORY, anchors_of
from tests.ops.alert_receiver import Listening, listening

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def heard() -> Generator[Listening]:
    with listening() as open_one:
        yield open_one


def settings(heard: Listening, **more: str) -> Settings:
    given = {"GASOLINERA_ALERT_WEBHOOK_URL": heard.url, "GASOLINERA_ALERT_WEBHOOK_SECRET": SECRET, **more}
    return load_settings(given)


def receiver(heard: Listening, language: str = "en", **more: str) -> Receiver:
    made = receiver_of(settings(heard, **more), place="gasolinera", language=language)
    assert made is not None
    return made


def notice(**fields: Any) -> Notice:
    usual: dict[str, Any] = {
        "id": 7,
        "kind": "firing",
        "fingerprint": "0123456789abcdef",
        "check_name": "replication_slots",
        "severity": "CRITICAL",
        "objects": ("reporting",),
        "amount": 6.0 * 1024**3,
        "unit": "bytes",
        "first_seen_at": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        "resolved_at": None,
        "told_count": 0,
    }
    return Notice(**usual | fields)


def is_ours(headers: dict[str, str], body: bytes) -> bool:
    """What docs/how-to/webhooks.md tells receivers to do."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split(" "))


def test_what_is_sent_is_signed(heard: Listening) -> None:
    assert tell(receiver(heard), [notice()]).is_good
    (got,) = heard.got
    assert is_ours(got.headers, got.body)
    assert not is_ours(got.headers, got.body + b" ")
    sent_at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    assert abs((datetime.now(UTC) - sent_at).total_seconds()) < 60


def test_it_has_the_shape_that_receivers_of_alertmanager_know(heard: Listening) -> None:
    over = notice(id=8, check_name="dead_rows", kind="resolved", resolved_at=datetime(2026, 11, 23, 13, tzinfo=UTC))
    tell(receiver(heard), [notice(), over])
    body = heard.got[0].json
    assert {
        "version",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "alerts",
    } <= body.keys()
    assert body["status"] == "firing"
    first, second = body["alerts"]
    assert first["labels"] == {"alertname": "replication_slots", "severity": "critical", "place": "gasolinera"}
    assert (first["status"], first["startsAt"], first["endsAt"]) == ("firing", "2026-11-23T12:00:00+00:00", None)
    assert "6.0 GB" in first["annotations"]["summary"].replace("\N{NO-BREAK SPACE}", " ")
    assert "disk is full" in first["annotations"]["description"]
    assert first["annotations"]["objects"] == "reporting"
    assert (second["status"], second["endsAt"]) == ("resolved", "2026-11-23T13:00:00+00:00")


def test_when_all_is_over_the_whole_is(heard: Listening) -> None:
    tell(receiver(heard), [notice(kind="resolved", resolved_at=datetime.now(UTC))])
    assert heard.got[0].json["status"] == "resolved"


def test_slack_gets_a_text_and_needs_no_secret(heard: Listening) -> None:
    made = receiver(heard, GASOLINERA_ALERT_WEBHOOK_SHAPE="slack", GASOLINERA_ALERT_WEBHOOK_SECRET="")
    tell(made, [notice(), notice(id=9, check_name="dead_rows", severity="WARNING")])
    body = heard.got[0].json
    assert body.keys() == {"text"}
    assert "Slots without a reader (critical, 6.0" in body["text"]
    assert "reporting" in body["text"]
    assert "Dead rows (warning" in body["text"]
    assert "webhook-signature" not in heard.got[0].headers


def test_the_texts_are_in_the_language_that_was_asked_for(heard: Listening) -> None:
    tell(receiver(heard, "es"), [notice()])
    tell(receiver(heard, "en"), [notice()])
    spanish, english = (one.json["alerts"][0]["annotations"] for one in heard.got)
    assert spanish["description"] != english["description"]


def test_each_check_leads_to_its_section_of_the_page() -> None:
    for name in ALL_RULES:
        page, _, anchor = runbook_of(name).partition("#")
        assert anchor in anchors_of(REPOSITORY / page)


def test_a_check_without_texts_is_told_by_its_name() -> None:
    assert words_of("not_yet_described", "en") == ("not_yet_described", "", "")


def test_the_same_notices_have_the_same_id_in_whatever_order(heard: Listening) -> None:
    one, other = notice(), notice(id=8, fingerprint="f" * 16)
    for told in ([one, other], [other, one], [one], [notice(told_count=1)]):
        tell(receiver(heard), told)
    first, turned, alone, later = (got.headers["webhook-id"] for got in heard.got)
    assert first == turned
    assert len({first, alone, later}) == 3


def test_a_test_says_that_it_is_one_and_is_tried_once(heard: Listening) -> None:
    assert tell_test(receiver(heard)).status == 200
    assert heard.got[0].json["alerts"][0]["labels"]["alertname"] == "test"
    heard.answers = [500]
    assert tell_test(receiver(heard)).error == "it answered 500"
    assert len(heard.got) == 2


def test_nobody_at_the_address_is_said_without_the_address() -> None:
    told = tell(Receiver(url="http://127.0.0.1:1/secret-path", pauses_s=(0.0,)), [notice()])
    assert (told.status, told.error) == (None, "ConnectError")


@pytest.mark.parametrize(
    "url",
    ["http://alerts.example.org/x", "ftp://alerts.example.org", "alerts.example.org", "https:///x", "http://10.0.0.1/"],
)
def test_what_leaves_this_machine_leaves_over_tls(url: str) -> None:
    with pytest.raises(ConfigError, match="GASOLINERA_ALERT_WEBHOOK_URL") as caught:
        load_settings({"GASOLINERA_ALERT_WEBHOOK_URL": url})
    assert url not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "whsec_c2hvcnQ=", "whsec_***", base64.b64encode(b"x" * 32).decode()])
def test_a_missing_or_wrong_secret_is_said_and_not_shown(heard: Listening, secret: str) -> None:
    with pytest.raises(ConfigError, match=r"secret|SECRET") as caught:
        receiver(heard, GASOLINERA_ALERT_WEBHOOK_SECRET=secret)
    assert not secret or secret not in f"{caught.value} {caught.value.hint}"


def test_without_an_address_nobody_is_told() -> None:
    assert receiver_of(load_settings({}), place="gasolinera") is None
