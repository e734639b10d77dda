"""Rounds of public randomness: published vectors, our own test beacon, and relays that lie."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest

from gasolinera.config import Environment, Settings, load_settings
from gasolinera.errors import ConfigError, ConflictError, UnavailableError
from gasolinera.raffle import beacon
from gasolinera.raffle.beacon import QUICKNET, TEST, first_round_at_or_after, round_at, verify_round
from gasolinera.raffle.beacon_local import local_beacon, serve_rounds, sign_round
from gasolinera.raffle.beacon_relays import DRAND_RELAYS, Source, fetch_round, source_of

# Published by drand; the hash of the chain is what its documentation pins.
QUICKNET_ROUND = 657413
QUICKNET_SIGNATURE = bytes.fromhex(
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
)
QUICKNET_RANDOMNESS = bytes.fromhex("fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587")
INFINITY = b"\xc0" + bytes(47)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_published_round_of_quicknet_is_genuine() -> None:
    found = verify_round(QUICKNET, QUICKNET_ROUND, QUICKNET_SIGNATURE)
    assert found is not None
    assert found.randomness == QUICKNET_RANDOMNESS
    assert beacon.verify_in_python(QUICKNET, QUICKNET_ROUND, QUICKNET_SIGNATURE)


@pytest.mark.parametrize(
    ("number", "signature"),
    [
        (QUICKNET_ROUND + 1, QUICKNET_SIGNATURE),
        (QUICKNET_ROUND, QUICKNET_SIGNATURE[:-1] + bytes([QUICKNET_SIGNATURE[-1] ^ 1])),
        (QUICKNET_ROUND, QUICKNET_SIGNATURE[:-1]),
        (QUICKNET_ROUND, INFINITY),
        (0, QUICKNET_SIGNATURE),
        (-1, QUICKNET_SIGNATURE),
        (2**64, QUICKNET_SIGNATURE),
    ],
)
def test_another_round_or_signature_is_not(number: int, signature: bytes) -> None:
    assert verify_round(QUICKNET, number, signature) is None


def test_a_point_of_the_curve_outside_the_group_is_refused_in_python_as_natively() -> None:
    """A third of x^3+4 has roots; nearly none of those points is in the subgroup."""
    modulus = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
    x = next(x for x in range(1, 100) if pow(x**3 + 4, (modulus - 1) // 2, modulus) == 1)
    point = (x | 1 << 383).to_bytes(48, "big")
    assert verify_round(QUICKNET, QUICKNET_ROUND, point) is None
    assert not beacon.verify_in_python(QUICKNET, QUICKNET_ROUND, point)


def test_both_libraries_take_the_rounds_of_the_test_beacon() -> None:
    made = sign_round(local_beacon(), 77)
    assert verify_round(TEST, 77, made.signature) == made
    assert beacon.verify_in_python(TEST, 77, made.signature)
    assert not beacon.verify_in_python(TEST, 78, made.signature)
    assert verify_round(QUICKNET, 77, made.signature) is None


def test_the_known_chains_have_their_own_hashes() -> None:
    assert beacon.checked_chain(QUICKNET) is QUICKNET
    assert local_beacon().chain == TEST
    unnamed = local_beacon(b"another seed", name="default").chain
    by_hand = (1).to_bytes(4, "big") + (1735689600).to_bytes(8, "big")
    by_hand += bytes.fromhex(unnamed.public_key + unnamed.group_hash)
    assert unnamed.chain_hash == sha256(by_hand).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"period_s": 30},
        {"genesis_time": QUICKNET.genesis_time + 1},
        {"id": "fastnet"},
        {"scheme": "pedersen-bls-chained"},
        {"public_key": QUICKNET.public_key.upper()},
        {"public_key": "c0" + "00" * 95},
        {"public_key": "80" + "00" * 95},
        {"public_key": "00" * 96},
        {"chain_hash": TEST.chain_hash},
        {"group_hash": TEST.group_hash},
        {"period_s": 0},
    ],
)
def test_a_chain_that_is_not_what_its_hash_says_is_refused(change: dict[str, str | int]) -> None:
    with pytest.raises(ConfigError, match="no chain"):
        beacon.checked_chain(msgspec.structs.replace(QUICKNET, **change))


def test_a_chain_is_read_from_what_drand_says_of_it(tmp_path: Path) -> None:
    file = tmp_path / "info.json"
    file.write_text(
        f'{{"public_key":"{QUICKNET.public_key}","period":3,"genesis_time":1692803367,"genesis_seed":"f477",'
        f'"hash":"{QUICKNET.chain_hash}","groupHash":"{QUICKNET.group_hash}",'
        '"schemeID":"bls-unchained-g1-rfc9380","metadata":{"beaconID":"quicknet"}}'
    )
    assert beacon.known_chain(str(file)) == QUICKNET
    file.write_bytes(beacon.info_of(TEST))
    assert beacon.chain_from_file(file) == TEST
    file.write_text("{}")
    with pytest.raises(ConfigError, match="no chain"):
        beacon.chain_from_file(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        beacon.known_chain(str(tmp_path / "none.json"))


def test_rounds_come_when_the_chain_says() -> None:
    assert round_at(QUICKNET, 1) == datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert round_at(QUICKNET, 35107012).timestamp() == 1798124400
    due = round_at(QUICKNET, 35107012)
    assert first_round_at_or_after(QUICKNET, due) == 35107012
    assert first_round_at_or_after(QUICKNET, due + timedelta(microseconds=1)) == 35107013
    assert first_round_at_or_after(QUICKNET, due - timedelta(seconds=2)) == 35107012
    assert first_round_at_or_after(QUICKNET, datetime(2000, 1, 1, tzinfo=UTC)) == 1


@contextmanager
def running(server: ThreadingHTTPServer) -> Generator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def relay(body: bytes, status: int = 200) -> ThreadingHTTPServer:
    """Answers everything the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def test_a_round_is_taken_from_the_first_relay_that_does_not_lie() -> None:
    genuine = sign_round(local_beacon(), 12)
    other = sign_round(local_beacon(), 11).signature.hex()
    lies = [
        b'{"round":12,"randomness":"00","signature":"%s"}' % other.encode(),
        b'{"round":11,"signature":"%s"}' % other.encode(),
        b'{"round":12,"signature":"%s"}' % genuine.signature.hex().upper().encode(),
        b"x" * 10_000,
        b"[]",
        b"",
    ]
    with (
        running(serve_rounds(local_beacon(), 0, lambda: LATER)) as honest,
        running(relay(lies[0])) as a,
        running(relay(lies[1])) as b,
        running(relay(lies[2])) as c,
        running(relay(lies[3])) as d,
        running(relay(lies[4])) as e,
        running(relay(lies[5], 500)) as f,
    ):
        relays = ("http://127.0.0.1:1", a, b, c, d, e, f, honest + "/")
        found = asyncio.run(fetch_round(Source(TEST, relays), 12, now=LATER))
    assert found == genuine


def test_no_relay_no_round_and_none_before_its_time() -> None:
    with pytest.raises(UnavailableError) as none:
        asyncio.run(fetch_round(Source(TEST, ("http://127.0.0.1:1",)), 12, now=LATER))
    assert none.value.code == "beacon.unavailable"
    moment = round_at(TEST, 12) - timedelta(microseconds=1)
    with pytest.raises(ConflictError) as early:
        asyncio.run(fetch_round(Source(TEST), 12, now=moment))
    assert early.value.code == "beacon.too_early"
    found = asyncio.run(fetch_round(Source(TEST), 12, now=round_at(TEST, 12)))
    assert verify_round(TEST, 12, found.signature) == found


def test_the_test_beacon_serves_no_round_before_its_time() -> None:
    now = round_at(TEST, 12)
    with running(serve_rounds(local_beacon(), 0, lambda: now)) as url:
        answer = httpx.get(f"{url}/{TEST.chain_hash}/public/12").json()
        assert bytes.fromhex(answer["randomness"]) == sha256(bytes.fromhex(answer["signature"])).digest()
        assert httpx.get(f"{url}/{TEST.chain_hash}/public/13").status_code == 425
        assert httpx.get(f"{url}/{QUICKNET.chain_hash}/public/12").status_code == 404
        assert httpx.get(f"{url}/{TEST.chain_hash}/public/0").status_code == 404
        assert httpx.get(f"{url}/{TEST.chain_hash}/info").content == beacon.info_of(TEST)


def test_production_draws_by_quicknet_and_never_by_a_test_beacon(tmp_path: Path) -> None:
    assert source_of(Settings()) == Source(TEST)
    production = {
        "GASOLINERA_ENVIRONMENT": "production",
        "GASOLINERA_KEYS_FILE": "keys.json",
        "GASOLINERA_SMS_SENDER": "http",
        "GASOLINERA_SMS_GATEWAY_URL": "https://sms.example",
        "GASOLINERA_SMS_GATEWAY_SECRET": "s" * 32,
        "GASOLINERA_PUBLIC_URL": "https://gasolinera.example",
    }
    assert source_of(load_settings(production)) == Source(QUICKNET, DRAND_RELAYS)
    for wrong in ({"GASOLINERA_BEACON_CHAIN": "test"}, {"GASOLINERA_BEACON_RELAYS": "https://a.example,http://b"}):
        with pytest.raises(ConfigError, match="production"):
            load_settings(production | wrong)
    file = tmp_path / "chain.json"
    file.write_bytes(beacon.info_of(TEST))
    with pytest.raises(ConfigError) as hidden:
        source_of(load_settings(production | {"GASOLINERA_BEACON_CHAIN": str(file)}))
    assert hidden.value.code == "beacon.test"


def test_a_process_may_name_its_chain_and_relays(tmp_path: Path) -> None:
    file = tmp_path / "chain.json"
    ours = local_beacon(b"another").chain
    file.write_bytes(beacon.info_of(msgspec.structs.replace(ours, id="x", chain_hash="")))
    with pytest.raises(ConfigError):
        source_of(Settings(beacon_chain=str(file)))
    named = msgspec.structs.replace(ours, id="x")
    named = msgspec.structs.replace(named, chain_hash=beacon.computed_hash(named))
    file.write_bytes(beacon.info_of(named))
    settings = Settings(
        environment=Environment.PRODUCTION,
        keys_file=Path("k"),
        sms_sender="http",
        sms_gateway_url="https://sms.example",
        sms_gateway_secret="s" * 32,  # pyright: ignore[reportArgumentType]  made a secret by the settings
        public_url="https://gasolinera.example",
        beacon_chain=str(file),
        beacon_relays="https://a.example/, https://b.example",
    )
    assert source_of(settings) == Source(named, ("https://a.example", "https://b.example"))
    with pytest.raises(ConfigError, match="BEACON_RELAYS"):
        load_settings({"GASOLINERA_BEACON_RELAYS": "ftp://x"})
