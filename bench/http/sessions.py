"""Codes and refresh tokens that wait to be used, each once, made beforehand and as the service makes them."""

import json
from collections.abc import Mapping
from itertools import count

import psycopg

from gasolinera.auth.codes import read_answer
from gasolinera.config import load_settings
from gasolinera.keyring import load_keyring

_CODE = "123456"
_numbers = count(1)

_USERS = """
INSERT INTO auth_schema.users (
    phone_number, first_name, last_name, phone_verified_at, terms_version, terms_accepted_at, age_confirmed_at)
SELECT '+52' || (5500000000 + n), 'Ana', 'López', now(), '2026-01', now(), now()
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
# A refresh token is known by its hash: `r` and its number.
_TOKENS = """
INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at)
SELECT u.id, sha256(convert_to('r' || n, 'UTF8')), now() + interval '1 day', now() + interval '90 days'
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
  JOIN auth_schema.users AS u ON u.phone_number = '+52' || (5500000000 + n)
"""
_CODES = """
INSERT INTO auth_schema.otp_sessions (
    session_token_hash, phone_number, user_id, purpose, code_hash, pepper_id, phone_hash, expires_at)
SELECT c.session_hash, u.phone_number, u.id, 'LOGIN', c.code_hash, %(pepper)s, c.phone_hash,
       now() + interval '5 minutes'
  FROM unnest(%(phones)s::text[], %(sessions)s::bytea[], %(codes)s::bytea[], %(hashes)s::bytea[])
       AS c (phone, session_hash, code_hash, phone_hash)
  JOIN auth_schema.users AS u ON u.phone_number = c.phone
"""

REFRESH_SQL = """
\\set n :n + 1
\\set k :first + :client_id * :each + :n
SELECT * FROM auth_schema.rotate_refresh_token(
    sha256(convert_to('r' || (:k)::bigint, 'UTF8')), sha256(convert_to('next' || (:k)::bigint, 'UTF8')));
"""


def refresh_tokens(url: str, amount: int) -> range:
    """Users with a session each; the numbers of their tokens."""
    numbers = _new_users(url, amount)
    with psycopg.connect(url) as conn:
        conn.execute(_TOKENS, _ends(numbers))
    return numbers


def refresh_request(number: int) -> str:
    return _post("/api/auth/refresh", {"refresh_token": f"r{number}"}, number)


def codes(url: str, amount: int, environment: Mapping[str, str]) -> list[str]:
    """Requests that verify a right code, each of another user."""
    numbers = _new_users(url, amount)
    keyring = load_keyring(load_settings(environment))
    pepper = keyring.current("otp").id
    tokens = [f"{pepper}.{number:043}" for number in numbers]
    phones = [f"+52{5500000000 + number}" for number in numbers]
    answers = [read_answer(keyring, token, _CODE) for token in tokens]
    with psycopg.connect(url) as conn:
        conn.execute(
            _CODES,
            {
                "pepper": pepper,
                "phones": phones,
                "sessions": [answer.session_hash for answer in answers],
                "codes": [answer.code_hash for answer in answers],
                "hashes": [keyring.mac("phone", phone.encode())[1] for phone in phones],
            },
        )
    return [
        _post("/api/auth/login/verify", {"session_token": token, "code": _CODE}, number)
        for token, number in zip(tokens, numbers, strict=True)
    ]


def _new_users(url: str, amount: int) -> range:
    first = next(_numbers)
    numbers = range(first, first + amount)
    for _ in range(amount - 1):
        next(_numbers)
    with psycopg.connect(url) as conn:
        conn.execute(_USERS, _ends(numbers))
    return numbers


def _ends(numbers: range) -> dict[str, int]:
    return {"first": numbers[0], "last": numbers[-1]}


def _post(path: str, body: Mapping[str, str], number: int) -> str:
    """From an address of its own: the limits by address are not what is measured."""
    text = json.dumps(body)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-forwarded-for: {address}\r\n"
        f"content-length: {len(text)}\r\n\r\n{text}"
    )
