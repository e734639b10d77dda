"""How one process of the platform proves to another that it belongs: a token of a minute, for one service alone."""

import hmac
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import msgspec

from gasolinera.config import SERVICES
from gasolinera.keyring import Keyring, UnknownKeyError, from_base64url, to_base64url
from gasolinera.permissions import Caller, Role
from gasolinera.security import LEEWAY_S, MAX_TOKEN_CHARACTERS, Header, invalid_token

SERVICE_TOKEN_LIFE_S: Final = 60
_TYPE: Final = "service+jwt"
# 15 bytes are 20 characters of base64url without a rest, so every token that we issue begins with these.
_BEGINNING: Final = to_base64url(b'{"alg":"HS256",')


class _ServiceClaims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    aud: str
    iat: float
    exp: float
    jti: UUID


def is_service_token(token: str) -> bool:
    """By its looks alone: which rules it is verified by, and not whether it is good."""
    return token.startswith(_BEGINNING)


def issue_service_token(keyring: Keyring, service: str, audience: str, *, now: datetime) -> str:
    """A token with which `service` asks the service `audience`."""
    key = keyring.current("service")
    issued = round(now.timestamp(), 3)
    claims = _ServiceClaims(iss=service, aud=audience, iat=issued, exp=issued + SERVICE_TOKEN_LIFE_S, jti=uuid4())
    header = msgspec.json.encode(Header("HS256", str(key.id), _TYPE))
    signed = f"{to_base64url(header)}.{to_base64url(msgspec.json.encode(claims))}"
    return f"{signed}.{to_base64url(keyring.mac_with('service', key.id, signed.encode()))}"


def verify_service_token(keyring: Keyring, token: str, audiences: frozenset[str], now: datetime) -> Caller:
    """Which service asks which; `audiences` are those that this process serves. Raises UnauthenticatedError."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise invalid_token()
    try:
        first, second, third = token.split(".")
        header = msgspec.json.decode(from_base64url(first), type=Header)
        if header.alg != "HS256" or header.typ != _TYPE or not header.kid.isdecimal():
            raise invalid_token()
        expected = keyring.mac_with("service", int(header.kid), f"{first}.{second}".encode())
        if not hmac.compare_digest(expected, from_base64url(third)):
            raise invalid_token()
        claims = msgspec.json.decode(from_base64url(second), type=_ServiceClaims)
    except (ValueError, TypeError, UnknownKeyError):
        raise invalid_token() from None
    seconds = now.timestamp()
    lives = claims.iat - LEEWAY_S <= seconds < claims.exp + LEEWAY_S
    if not lives or not 0 < claims.exp - claims.iat <= SERVICE_TOKEN_LIFE_S or claims.iss not in SERVICES:
        raise invalid_token()
    if claims.aud not in audiences:
        raise invalid_token()
    return Caller(role=Role.SERVICE, service=claims.iss, audience=claims.aud)
