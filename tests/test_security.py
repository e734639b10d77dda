"""Keys and access tokens: the vectors of the RFCs, what is refused, rotation, service tokens."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from joserfc import jwk, jws, jwt

from gasolinera.config import Environment
from gasolinera.errors import ConfigError, ConflictError, UnauthenticatedError
from gasolinera.key_file import PURPOSES, KeyFile, new_keys, retired, rotated
from gasolinera.keyring import Keyring, PublicKey, from_base64url, public_key, thumbprint, to_base64url
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token, read_access_token, sign_compact, verify_access_token
from gasolinera.service_tokens import issue_service_token, verify_service_token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLER = Caller(
    role=Role.STATION_ADMIN,
    user_id=uuid4(),
    session_id=uuid4(),
    station_code="JSM001",
    employee_number="EMP000001",
    has_second_factor=True,
)
# RFC 8037, appendix A
SEED = from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(clock: Clock) -> Keyring:
    return Keyring(new_keys(PURPOSES, NOW), clock=clock)


def test_a_signature_is_the_one_of_rfc_8037() -> None:
    signed = sign_compact(SEED, b'{"alg":"EdDSA"}', b"Example of Ed25519 signing")
    assert signed == (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


def test_a_key_has_the_public_half_and_the_thumbprint_of_rfc_8037() -> None:
    key = msgspec.structs.replace(new_keys(["token"], NOW)[0], secret=SEED)
    assert public_key(key) == PublicKey("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", X)
    assert thumbprint(X) == jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": X}).thumbprint()


# RFC 9864 renames the algorithm to Ed25519, which few libraries know yet; the published keys say which curve it is.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_library_reads_our_tokens_and_we_read_its(keyring: Keyring) -> None:
    theirs = jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": keyring.public_keys()[0].x})
    issued = issue_access_token(keyring, CALLER, now=NOW)
    claims = jwt.decode(issued.token, theirs, algorithms=["EdDSA"]).claims
    assert (claims["sub"], claims["role"], claims["amr"]) == (str(CALLER.user_id), "STATION_ADMIN", ["otp", "mfa"])
    assert claims["exp"] - claims["iat"] == issued.expires_in_s == 900
    seed = to_base64url(keyring.current("token").secret)
    private = jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": theirs.as_dict()["x"], "d": seed})
    token = jws.serialize_compact(
        {"alg": "EdDSA", "kid": keyring.public_keys()[0].kid, "typ": "at+jwt"},
        json.dumps(claims),
        private,
        algorithms=["EdDSA"],
    )
    assert verify_access_token(keyring, token, NOW) == CALLER


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated", 'ignore:JWS algorithm "none"')
def test_what_another_library_signs_in_any_other_way_is_refused(keyring: Keyring) -> None:
    public = keyring.public_keys()[0]
    seed = to_base64url(keyring.current("token").secret)
    ours = jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public.x, "d": seed})
    strangers = jwk.OKPKey.generate_key("Ed25519")
    header = {"alg": "EdDSA", "kid": public.kid, "typ": "at+jwt"}
    issued = issue_access_token(keyring, CALLER, now=NOW).token
    claims = json.dumps(jwt.decode(issued, ours, algorithms=["EdDSA"]).claims)

    def written(key: Any, **members: Any) -> str:
        header_now = header | members
        return jws.serialize_compact(header_now, claims, key, algorithms=[header_now["alg"]])

    assert verify_access_token(keyring, written(ours), NOW) == CALLER
    shown = strangers.as_dict(private=False)
    octets = jwk.OctKey.import_key(public.raw)
    flat = jws.serialize_json({"protected": header}, claims, ours, algorithms=["EdDSA"])
    for other in (
        written(strangers),
        written(strangers, kid=strangers.thumbprint()),
        written(strangers, jwk=shown),
        written(ours, jwk=ours.as_dict(private=False)),
        written(ours, alg="Ed25519"),
        written(ours, crit=["b64"], b64=True),
        written(octets, alg="HS256"),
        written(octets, alg="none"),
        written(jwk.ECKey.generate_key("P-256"), alg="ES256"),
        written(ours).replace(to_base64url(claims.encode()), ""),  # detached, as RFC 7515 has it in appendix F
        json.dumps(flat),
    ):
        with pytest.raises(UnauthenticatedError):
            verify_access_token(keyring, other, NOW)


def forged(keyring: Keyring, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """A well-signed token that differs from a good one in what is given; None leaves a claim out."""
    key = keyring.current("token")
    whole = {
        "iss": "urn:gasolinera:auth",
        "aud": "urn:gasolinera:api",
        "sub": str(CALLER.user_id),
        "role": "CUSTOMER",
        "iat": NOW.timestamp(),
        "exp": NOW.timestamp() + 900,
        "jti": str(uuid4()),
    } | (claims or {})
    head = {"alg": "EdDSA", "kid": public_key(key).kid, "typ": "at+jwt"} | (header or {})
    body = {name: value for name, value in whole.items() if value is not None}
    return sign_compact(key.secret, json.dumps(head).encode(), json.dumps(body).encode())


def test_the_forger_of_these_tests_can_make_a_good_token(keyring: Keyring) -> None:
    assert verify_access_token(keyring, forged(keyring), NOW).role is Role.CUSTOMER


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, {}),
        ({"alg": "HS256"}, {}),
        ({"alg": "ES256"}, {}),
        ({"alg": "eddsa"}, {}),
        ({"typ": "JWT"}, {}),
        ({"typ": "service+jwt"}, {}),
        ({"kid": "another"}, {}),
        ({"kid": None}, {}),
        ({"crit": ["exp"]}, {}),
        ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": X}}, {}),
        ({}, {"iss": "urn:somebody:else"}),
        ({}, {"aud": "urn:gasolinera:other"}),
        ({}, {"aud": ["urn:gasolinera:api"]}),
        ({}, {"sub": "a customer"}),
        ({}, {"sub": None}),
        ({}, {"role": "PARTNER"}),
        ({}, {"role": "SERVICE"}),
        ({}, {"role": "ROOT"}),
        ({}, {"exp": None}),
        ({}, {"exp": NOW.timestamp() + 86_400}),
        ({}, {"exp": 1e300}),
        ({}, {"iat": NOW.timestamp() + 60, "exp": NOW.timestamp() + 900}),
        ({}, {"nbf": NOW.timestamp() + 60}),
        ({}, {"iat": None}),
        ({}, {"sta": "x" * 100}),
    ],
)
def test_a_well_signed_token_that_says_something_else_is_refused(
    keyring: Keyring, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        verify_access_token(keyring, forged(keyring, header, claims), NOW)
    assert refused.value.code == "auth.token_invalid"


def test_a_token_that_was_touched_anywhere_is_refused(keyring: Keyring) -> None:
    token = issue_access_token(keyring, CALLER, now=NOW).token
    assert verify_access_token(keyring, token, NOW) == CALLER
    for at in range(0, len(token), 3):
        touched = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(UnauthenticatedError):
            verify_access_token(keyring, touched, NOW)
    first, second, third = token.split(".")
    for other in ("", ".", "..", "a.b", f"{first}.{second}.", f"{first}.{second}", f"{token}.", f"{token}=", "é.é.é",
                  f"{first}.{second}.{third}\n", "x" * 5000, f"{first}.{second}.{third}.{third}"):  # fmt: skip
        with pytest.raises(UnauthenticatedError):
            verify_access_token(keyring, other, NOW)


def test_the_secret_of_another_algorithm_signs_nothing(keyring: Keyring) -> None:
    """The old confusion: the public key, which everybody has, used as the key of an HMAC."""
    public = keyring.public_keys()[0]
    header = to_base64url(json.dumps({"alg": "HS256", "kid": public.kid, "typ": "at+jwt"}).encode())
    body = forged(keyring).split(".")[1]
    mac = hmac.digest(public.raw, f"{header}.{body}".encode(), "sha256")
    with pytest.raises(UnauthenticatedError):
        verify_access_token(keyring, f"{header}.{body}.{to_base64url(mac)}", NOW)


def test_a_token_ends_though_it_is_remembered(keyring: Keyring, clock: Clock) -> None:
    token = issue_access_token(keyring, CALLER, now=NOW).token
    for seconds in (0, 1, 899, 904):
        assert verify_access_token(keyring, token, NOW + timedelta(seconds=seconds)) == CALLER
    for seconds in (905, 906, 90_000):
        with pytest.raises(UnauthenticatedError) as refused:
            verify_access_token(keyring, token, NOW + timedelta(seconds=seconds))
        assert refused.value.code == "auth.token_expired"


def test_only_so_many_tokens_are_remembered(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasolinera.security._MAX_REMEMBERED", 3)
    tokens = [issue_access_token(keyring, CALLER, now=NOW).token for _ in range(6)]
    for token in (*tokens, *tokens):
        assert read_access_token(keyring, token, NOW).caller == CALLER


def test_rotation_overlaps_and_the_old_key_ends_when_its_last_token_has(clock: Clock) -> None:
    ring = KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, NOW))
    changed, new = rotated(ring, "token", now=NOW)
    keyring = Keyring(changed.keys, clock=clock)
    assert len(keyring.public_keys()) == 2  # published before it is used
    assert keyring.current("token").id == 1
    clock.now = new.active_from - timedelta(seconds=1)
    last = issue_access_token(keyring, CALLER, now=clock.now).token
    clock.now = new.active_from
    assert keyring.current("token").id == new.id == 2
    clock.now += timedelta(minutes=14, seconds=58)
    assert verify_access_token(keyring, last, clock.now) == CALLER
    clock.now = new.active_from + timedelta(minutes=17)
    fresh = Keyring(changed.keys, clock=clock)
    assert [key.kid for key in fresh.public_keys()] == [public_key(new).kid]
    with pytest.raises(UnauthenticatedError):
        verify_access_token(fresh, last, clock.now - timedelta(minutes=5))


def test_a_new_key_that_waits_can_be_used_at_once_and_the_old_one_then_be_retired() -> None:
    ring = KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, NOW))
    changed, _ = rotated(ring, "token", now=NOW)
    with pytest.raises(ConflictError, match="waits"):
        rotated(changed, "token", now=NOW + timedelta(seconds=5))
    with pytest.raises(ConflictError, match="in use"):
        retired(changed, "token", 1, now=NOW + timedelta(seconds=5))
    hurried, new = rotated(changed, "token", now=NOW + timedelta(seconds=9), overlap=timedelta())
    assert (new.id, new.active_from) == (2, NOW + timedelta(seconds=9))
    ended = retired(hurried, "token", 1, now=NOW + timedelta(seconds=20))
    clock = Clock()
    clock.now = NOW + timedelta(seconds=20)
    assert [key.id for key in Keyring(ended.keys, clock=clock).verifying("token")] == [2]


def test_what_is_stored_outlives_a_rotation(clock: Clock) -> None:
    ring = KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, NOW))
    before = Keyring(ring.keys, clock=clock)
    key_id, secret = before.encrypt("second_factor", b"s" * 20, context=b"user 1")
    mac = before.mac("phone", b"+5255")
    changed = rotated(rotated(ring, "second_factor", now=NOW)[0], "phone", now=NOW)[0]
    clock.now = NOW + timedelta(days=400)
    after = Keyring(changed.keys, clock=clock)
    assert after.decrypt("second_factor", key_id, secret, context=b"user 1") == b"s" * 20
    assert after.mac_with("phone", mac[0], b"+5255") == mac[1]
    assert after.mac("phone", b"+5255")[0] == 2
    assert mac in after.macs("phone", b"+5255")


def test_encryption_is_bound_to_key_purpose_and_context(keyring: Keyring) -> None:
    key_id, data = keyring.encrypt("second_factor", b"s" * 20, context=b"user 1")
    assert len(data) == 48
    assert keyring.encrypt("second_factor", b"s" * 20, context=b"user 1")[1] != data
    for context, changed in ((b"user 2", data), (b"user 1", data[:-1] + bytes([data[-1] ^ 1])), (b"user 1", b"short")):
        with pytest.raises(ConfigError) as refused:
            keyring.decrypt("second_factor", key_id, changed, context=context)
        assert refused.value.code == "keys.cannot_decrypt"
    with pytest.raises(ConfigError):
        keyring.decrypt("webhook", key_id, data, context=b"user 1")


def test_a_mac_is_hmac_sha_256_with_a_key_of_its_own_for_each_purpose(keyring: Keyring) -> None:
    key_id, mac = keyring.mac("otp", b"123456")
    derived = hmac.new(keyring.current("otp").secret, b"gasolinera/otp/mac", hashlib.sha256).digest()
    assert (key_id, mac) == (1, hmac.new(derived, b"123456", hashlib.sha256).digest())
    assert keyring.mac("phone", b"123456")[1] != mac
    with pytest.raises(UnauthenticatedError):
        keyring.mac_with("otp", 9, b"123456")


def test_a_service_token_is_good_for_one_service_and_a_minute(keyring: Keyring) -> None:
    token = issue_service_token(keyring, "station", "auth", now=NOW)
    auth, station = frozenset({"auth"}), frozenset({"station"})
    assert verify_service_token(keyring, token, auth, NOW) == Caller(
        role=Role.SERVICE, service="station", audience="auth"
    )
    last = NOW + timedelta(seconds=64)
    assert verify_service_token(keyring, token, auth, last).service == "station"
    for audiences, at in ((station, NOW), (auth, NOW + timedelta(seconds=66)), (auth, NOW - timedelta(seconds=6))):
        with pytest.raises(UnauthenticatedError):
            verify_service_token(keyring, token, audiences, at)
    for other in (token[:-2] + "AA", forged(keyring), token.replace(".", ""), "", "a.b.c"):
        with pytest.raises(UnauthenticatedError):
            verify_service_token(keyring, other, auth, NOW)
    with pytest.raises(UnauthenticatedError):  # and it is no access token
        verify_access_token(keyring, token, NOW)
    with pytest.raises(UnauthenticatedError):
        verify_service_token(keyring, issue_service_token(keyring, "root", "auth", now=NOW), auth, NOW)
