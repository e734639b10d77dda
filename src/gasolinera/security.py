"""The access tokens that say who asks: EdDSA JWTs of 15 minutes (RFC 7519, 8037, 9068), verified with distrust."""

from collections import OrderedDict
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from gasolinera.errors import UnauthenticatedError
from gasolinera.key_file import Key
from gasolinera.keyring import Keyring, from_base64url, load_keyring, public_key, to_base64url
from gasolinera.permissions import Caller, Role

__all__ = [
    "AccessToken",
    "Keyring",
    "VerifiedToken",
    "issue_access_token",
    "load_keyring",
    "read_access_token",
    "verify_access_token",
]

ACCESS_TOKEN_LIFE_S: Final = 15 * 60
ISSUER: Final = "urn:gasolinera:auth"
AUDIENCE: Final = "urn:gasolinera:api"
LEEWAY_S: Final = 5  # between the clocks of two hosts
MAX_TOKEN_CHARACTERS: Final = 4096
_MAX_REMEMBERED: Final = 8192
_PEOPLE: Final = frozenset({Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN, Role.SYSTEM_ADMIN})


class VerifiedToken(msgspec.Struct, frozen=True):
    """A token that was good when it was looked at. Times are seconds since 1970."""

    caller: Caller
    issued_at: float
    good_until: float


class AccessToken(msgspec.Struct, frozen=True):
    token: str
    expires_in_s: int


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that our tokens' headers hold; `crit`, `jku`, `jwk` and the like are refused with what else is unknown."""

    alg: str
    kid: Annotated[str, msgspec.Meta(max_length=64)]
    typ: str


class _Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    iss: str
    aud: str
    sub: UUID
    role: Role
    iat: float
    exp: float
    jti: UUID
    nbf: float | None = None
    sid: UUID | None = None
    sta: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    emp: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    amr: tuple[str, ...] = ()


def issue_access_token(keyring: Keyring, caller: Caller, *, now: datetime) -> AccessToken:
    """A token of 15 minutes that says who this person is.

    The time of issue is exact, and the database's where it can be: revocations compare with it.
    """
    assert caller.role in _PEOPLE, "partners show their key, services sign for themselves"
    assert caller.user_id is not None, "a person has a reference"
    issued = round(now.timestamp(), 6)
    claims = _Claims(
        iss=ISSUER,
        aud=AUDIENCE,
        sub=caller.user_id,
        role=caller.role,
        iat=issued,
        exp=issued + ACCESS_TOKEN_LIFE_S,
        jti=uuid4(),
        sid=caller.session_id,
        sta=caller.station_code,
        emp=caller.employee_number,
        amr=("otp", "mfa") if caller.has_second_factor else ("otp",),
    )
    key = keyring.current("token")
    return AccessToken(sign_token(key, msgspec.json.encode(claims)), ACCESS_TOKEN_LIFE_S)


def sign_token(key: Key, claims: bytes) -> str:
    header = msgspec.json.encode(Header("EdDSA", public_key(key).kid, "at+jwt"))
    return sign_compact(key.secret, header, claims)


def sign_compact(seed: bytes, header: bytes, payload: bytes) -> str:
    """The compact form of a JSON Web Signature with Ed25519 (RFC 7515, RFC 8037)."""
    signed = f"{to_base64url(header)}.{to_base64url(payload)}"
    return f"{signed}.{to_base64url(SigningKey(seed).sign(signed.encode()).signature)}"


def verify_access_token(keyring: Keyring, token: str, now: datetime) -> Caller:
    """Who the token says. Raises UnauthenticatedError `auth.token_invalid` or `auth.token_expired`.

    Says nothing of what happened since the token was issued: `authentication` knows who has lost access.
    """
    return read_access_token(keyring, token, now).caller


class _Remembered:
    """The verified tokens of one ring, for as long as its keys stay what they are."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.tokens: OrderedDict[str, VerifiedToken] = OrderedDict()


_remembered: WeakKeyDictionary[Keyring, _Remembered] = WeakKeyDictionary()


def read_access_token(keyring: Keyring, token: str, now: datetime) -> VerifiedToken:
    """Like verify_access_token, with its times. Verified tokens are remembered until they end: 8,192 at most."""
    keyring.refresh()
    memory = _remembered.get(keyring)
    if memory is None or memory.generation != keyring.generation:
        memory = _remembered[keyring] = _Remembered(keyring.generation)
    seconds = now.timestamp()
    known = memory.tokens.get(token)
    if known is None:
        known = _verify(keyring, token, seconds)
        if len(memory.tokens) >= _MAX_REMEMBERED:
            memory.tokens.popitem(last=False)  # the one that came first ends first
        memory.tokens[token] = known
    elif seconds >= known.good_until:
        del memory.tokens[token]
        raise _expired()
    return known


def _verify(keyring: Keyring, token: str, now: float) -> VerifiedToken:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise invalid_token()
    try:
        first, second, third = token.split(".")
        header = msgspec.json.decode(from_base64url(first), type=Header)
        signature = from_base64url(third)
        if header.alg != "EdDSA" or header.typ != "at+jwt":
            raise invalid_token()
        key, retired_at = keyring.token_key(header.kid)
        key.verify(f"{first}.{second}".encode(), signature)
        claims = msgspec.json.decode(from_base64url(second), type=_Claims)
    except (ValueError, TypeError, CryptoError):  # msgspec's errors are ValueErrors
        raise invalid_token() from None
    if claims.iss != ISSUER or claims.aud != AUDIENCE or claims.role not in _PEOPLE:
        raise invalid_token()
    begins = max(claims.iat, claims.nbf or claims.iat)
    if begins > now + LEEWAY_S or not 0 < claims.exp - claims.iat <= ACCESS_TOKEN_LIFE_S + LEEWAY_S:
        raise invalid_token()
    good_until = claims.exp + LEEWAY_S
    if now >= good_until:
        raise _expired()
    if retired_at is not None:
        good_until = min(good_until, retired_at.timestamp())
    return VerifiedToken(_caller_in(claims), claims.iat, good_until)


def _caller_in(claims: _Claims) -> Caller:
    return Caller(
        role=claims.role,
        user_id=claims.sub,
        session_id=claims.sid,
        station_code=claims.sta,
        employee_number=claims.emp,
        has_second_factor="mfa" in claims.amr,
    )


def invalid_token() -> UnauthenticatedError:
    return UnauthenticatedError("auth.token_invalid", "the access token is not good", "log in again")


def _expired() -> UnauthenticatedError:
    return UnauthenticatedError("auth.token_expired", "the access token has expired", "refresh it")
