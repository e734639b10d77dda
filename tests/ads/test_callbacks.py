"""Callbacks of an ad network: signed by a key of its own server, a transaction once, late and forged ones refused."""

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gasolinera.ads.callbacks import read_callback
from gasolinera.config import Settings
from tests.ads.watching import (
    ANA,
    BEA,
    Admin,
    Viewers,
    earlier,
    good,
    one,
    problem,
    put_campaign,
    put_redemption,
    reviews_of,
    told,
    watching,
)

REFUSED = (422, "ads.callback_refused")


class Network:
    """A network's key server, and its own server that signs callbacks."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.body = self.published({1234567890: self.key.public_key()})
        self.asked = 0
        self.before_answer: Callable[[], None] | None = None
        network = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                network.asked += 1
                body = network.body
                if network.before_answer is not None:
                    network.before_answer()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that it overrides
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/keys.json"

    @staticmethod
    def published(keys: dict[int, ec.EllipticCurvePublicKey]) -> bytes:
        return msgspec.json.encode(
            {
                "keys": [
                    {
                        "keyId": key_id,
                        "pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
                        "base64": b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
                    }
                    for key_id, key in keys.items()
                ]
            }
        )

    def query(self, view: str, user: object = ANA, *, key_id: int = 1234567890, age_s: float = 1, **more: str) -> str:
        parameters = {
            "ad_network": "5450213213286189855",
            "ad_unit": "2747237135",
            "custom_data": view,
            "reward_amount": "1",
            "reward_item": "tickets",
            "timestamp": str(int((time.time() - age_s) * 1000)),
            "transaction_id": uuid4().hex,
            "user_id": str(user),
            **more,
        }
        return self.sign(urlencode(parameters), key_id)

    def sign(self, signed: str, key_id: int = 1234567890) -> str:
        signature = self.key.sign(signed.encode(), ec.ECDSA(SHA256()))
        return f"{signed}&signature={urlsafe_b64encode(signature).decode().rstrip('=')}&key_id={key_id}"


@pytest.fixture
def network() -> Generator[Network]:
    made = Network()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def viewers(settings: Settings, admin: Admin, network: Network) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        wish = {"advertiser_code": "REFRESCO-LUNA", "keys_url": network.url, "keys_refresh_seconds": 60}
        good(found.put("/networks/luna", wish))
        yield found


def call(viewers: Viewers, query: str, network: str = "luna") -> Any:
    return viewers.client.get(f"/api/ads/callbacks/{network}?{query}")


def outcomes(admin: Admin) -> list[str]:
    rows = admin.execute("SELECT outcome FROM ad_schema.ad_network_callbacks ORDER BY created_at").fetchall()
    return [outcome for (outcome,) in rows]


def test_a_callback_completes_a_view_that_was_long_enough_and_only_once(
    viewers: Viewers, admin: Admin, network: Network
) -> None:
    put_campaign(admin)
    reference = put_redemption(admin, tickets=2)
    view = viewers.start(reference)
    assert good(call(viewers, network.query(view))) == {"taken": True}
    assert good(viewers.get(f"/views/{view}"))["status"] == "STARTED"
    earlier(admin, view, 12)
    query = network.query(view)
    for _ in range(3):
        assert good(call(viewers, query)) == {"taken": True}
    assert outcomes(admin) == ["TOO_EARLY", "COMPLETED"]
    done = good(viewers.get(f"/views/{view}"))
    assert (done["status"], done["bonus_tickets"]) == ("COMPLETED", 2)
    assert len(told(admin, "ad.view.completed")) == 1
    # What the network said too early counts against the view, which therefore waits for a person.
    assert reviews_of(admin, view) == [("PENDING", 50, {"CALLBACK_MISMATCH": 50}, None)]


def test_a_callback_confirms_what_was_watched(viewers: Viewers, admin: Admin, network: Network) -> None:
    put_campaign(admin)
    view = viewers.watch()["view_id"]
    good(call(viewers, network.query(view)))
    good(call(viewers, network.query(view)))
    assert outcomes(admin) == ["CONFIRMED", "CONFIRMED"]
    cost, is_verified = one(
        admin, "SELECT cost, verified_at IS NOT NULL FROM ad_schema.ad_engagements WHERE public_id = %s", view
    )
    assert (str(cost), is_verified) == ("1.50", True)


@pytest.mark.parametrize("change", ["keys_url = keys_url || '?new'", "is_enabled = false"])
def test_keys_that_come_late_from_an_address_that_was_given_up_are_not_kept(
    viewers: Viewers, admin: Admin, network: Network, change: str
) -> None:
    put_campaign(admin)
    view = viewers.start()
    network.before_answer = lambda: void(admin.execute(f"UPDATE ad_schema.ad_networks SET {change}".encode()))
    assert problem(call(viewers, network.query(view))) == REFUSED
    assert network.asked == 1
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_network_keys") == 0


def void(_: object) -> None:
    """Nobody wants to know."""


def test_whatever_is_wrong_with_a_callback_its_sender_hears_the_same(
    viewers: Viewers, admin: Admin, network: Network
) -> None:
    put_campaign(admin)
    view = viewers.start()
    earlier(admin, view, 15)
    genuine = network.query(view)
    signed, end = genuine.split("&signature=")
    stranger = Network()
    stranger.server.server_close()
    wrong = [
        genuine.replace("reward_amount=1", "reward_amount=2"),
        stranger.query(view),
        network.query(view, key_id=99),
        network.query(view, age_s=901),
        network.query(view, age_s=-1000),
        f"more=1&{genuine}",
        f"{genuine}&more=1",
        f"{signed}&key_id=1234567890&signature={end.split('&')[0]}",
        signed,
        "",
        network.sign(f"{signed}&user_id={BEA}"),
        network.sign(signed.replace("timestamp=", "timestamp=x")),
        network.sign(signed.replace("transaction_id=", "transaction=")),
        f"{signed}&signature=&key_id=1234567890",
        f"{signed}&signature={'A' * 96}&key_id=1234567890",
        "x" * 5000,
    ]
    answers = {(call(viewers, query).status_code, call(viewers, query).content) for query in wrong}
    answers |= {(call(viewers, genuine, "nobody").status_code, call(viewers, genuine, "nobody").content)}
    assert len(answers) == 1
    assert problem(call(viewers, wrong[0])) == REFUSED
    assert outcomes(admin) == []
    assert good(viewers.get(f"/views/{view}"))["status"] == "STARTED"
    good(call(viewers, genuine))
    assert outcomes(admin) == ["COMPLETED"]


def test_every_flipped_bit_of_what_is_signed_is_refused(viewers: Viewers, admin: Admin, network: Network) -> None:
    put_campaign(admin)
    view = viewers.start()
    signed, end = network.query(view).split("&signature=")
    good(call(viewers, network.query(view)))  # the key is known from here on
    for place in range(0, len(signed), 7):
        other = "A" if signed[place] != "A" else "B"
        query = f"{signed[:place]}{other}{signed[place + 1 :]}&signature={end}"
        assert problem(call(viewers, query)) == REFUSED, place


def test_keys_are_asked_for_rarely_and_a_new_one_is_found_in_time(
    viewers: Viewers, admin: Admin, network: Network
) -> None:
    put_campaign(admin)
    view = viewers.start()
    for _ in range(3):
        good(call(viewers, network.query(view)))
    assert network.asked == 1
    old = network.key
    network.key = ec.generate_private_key(ec.SECP256R1())
    network.body = Network.published({7: network.key.public_key()})
    for _ in range(5):
        assert problem(call(viewers, network.query(view, key_id=7))) == REFUSED
    assert network.asked == 1
    admin.execute("UPDATE ad_schema.ad_networks SET keys_asked_at = now() - interval '61 seconds'")
    good(call(viewers, network.query(view, key_id=7)))
    assert network.asked == 2
    # The withdrawn one is good no more, at once.
    network.key = old
    assert problem(call(viewers, network.query(view))) == REFUSED


@pytest.mark.parametrize("body", [b"", b"{}", b'{"keys": []}', b'{"keys": [{"keyId": 1234567890, "base64": "AAAA"}]}'])
def test_a_key_server_that_gives_no_keys_lets_nothing_through(
    viewers: Viewers, admin: Admin, network: Network, body: bytes
) -> None:
    put_campaign(admin)
    view = viewers.start()
    network.body = body
    assert problem(call(viewers, network.query(view))) == REFUSED
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_network_keys") == 0


def test_a_key_of_another_curve_is_none(viewers: Viewers, admin: Admin, network: Network) -> None:
    put_campaign(admin)
    view = viewers.start()
    network.key = ec.generate_private_key(ec.SECP384R1())
    network.body = Network.published({1234567890: network.key.public_key()})
    assert problem(call(viewers, network.query(view))) == REFUSED


def test_a_network_that_names_somebody_else_speaks_against_the_view(
    viewers: Viewers, admin: Admin, network: Network
) -> None:
    put_campaign(admin)
    done = viewers.watch()["view_id"]
    good(call(viewers, network.query(done, BEA)))
    assert outcomes(admin) == ["OTHER_USER"]
    assert reviews_of(admin, done) == [("PENDING", 50, {"CALLBACK_MISMATCH": 50}, None)]
    good(call(viewers, network.query(str(uuid4()))))
    good(call(viewers, network.query("no id at all")))
    assert outcomes(admin)[1:] == ["UNKNOWN_VIEW", "UNKNOWN_VIEW"]


def test_a_network_confirms_its_own_advertisers_views_alone(viewers: Viewers, admin: Admin, network: Network) -> None:
    put_campaign(admin)
    view = viewers.start()
    earlier(admin, view, 15)
    good(viewers.put("/networks/other", {"advertiser_code": "BANCO-CENZONTLE", "keys_url": network.url}))
    good(call(viewers, network.query(view), "other"))
    assert outcomes(admin) == ["OTHER_NETWORK"]
    assert good(viewers.get(f"/views/{view}"))["status"] == "STARTED"
    # It is somebody else's word: nothing is held against the view for it.
    assert good(viewers.complete(view, 1, 15))["status"] == "COMPLETED"
    assert reviews_of(admin, view) == []


def test_a_network_that_is_switched_off_is_not_heard(viewers: Viewers, admin: Admin, network: Network) -> None:
    put_campaign(admin)
    view = viewers.start()
    wish = {"advertiser_code": "REFRESCO-LUNA", "keys_url": network.url, "is_enabled": False}
    good(viewers.put("/networks/luna", wish))
    assert problem(call(viewers, network.query(view))) == REFUSED
    assert problem(viewers.put("/networks/luna", wish | {"advertiser_code": "NOBODY"})) == (404, "advertiser.unknown")


def test_a_documented_query_of_the_form_is_read() -> None:
    query = (
        b"ad_network=5450213213286189855&ad_unit=1234567890&reward_amount=1&reward_item=reward"
        b"&timestamp=1507770365237823&transaction_id=123456789&user_id=x&signature=MEUCIQCLJS_s4ia&key_id=1268887"
    )
    assert read_callback(query) is None  # microseconds: no moment that anybody lives in
    told = read_callback(query.replace(b"1507770365237823", b"1507770365237"))
    assert told is not None
    assert (told.signed, told.key_id) == (query.replace(b"237823", b"237").split(b"&signature=")[0], "1268887")
