"""Closed raffles with as many entries as one likes, made without the triggers that would count each.

Everything that a draw reads is as the service makes it: hashes, tags, numbers with their check characters, counters.
"""

from collections.abc import Iterator
from itertools import islice, product
from uuid import UUID

import psycopg

from gasolinera.raffle.leaves import entry_hash, owner_tag

TICKETS_AN_ENTRY = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_INDEXES = (
    "raffle_tickets_active_ticket_number_idx",
    "raffle_tickets_entry_idx",
    "raffle_tickets_raffle_id_idx",
    "raffle_tickets_disqualified_idx",
)

Admin = psycopg.Connection[tuple[object, ...]]


def make_raffle(admin: Admin, code: str, entries: int, *, winners: int, alternates: int, first: int) -> None:
    """A CLOSED raffle; two entries a person, ten tickets an entry, whose numbers begin with the `first`-th."""
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        raffle = _number(
            admin,
            """
            INSERT INTO raffle_schema.raffles (raffle_code, name, raffle_type, status, opens_at, closes_at, draw_at,
                   terms_version, terms_sha256, opened_at, closed_at, organizer, permit_number, terms_url,
                   alternate_count)
            VALUES (%s, 'Bench', 'STANDARD', 'CLOSED', now() - interval '9 days', now() - interval '1 day',
                    now() - interval '1 hour', '1', sha256('terms'), now() - interval '9 days', now(), 'Us', 'P-1',
                    'https://example.com', %s)
            RETURNING id
            """,
            (code, alternates),
        )
        admin.execute(
            """
            INSERT INTO raffle_schema.raffle_prizes (raffle_id, rank, name, prize_type, prize_value, currency, quantity)
            VALUES (%s, 1, 'Fuel', 'FUEL_CREDIT', 100, 'MXN', %s)
            """,
            (raffle, winners),
        )
        _fill(admin, raffle, code, entries, first)
        admin.execute(
            "INSERT INTO raffle_schema.raffle_counters (raffle_id, shard, ticket_count, participant_count)"
            " VALUES (%s, 0, %s, %s)",
            (raffle, entries * TICKETS_AN_ENTRY, -(-entries // 2)),
        )
    admin.execute("VACUUM ANALYZE raffle_schema.raffle_entries")
    admin.execute("VACUUM ANALYZE raffle_schema.raffle_tickets")


def _fill(admin: Admin, raffle: int, code: str, entries: int, first: int) -> None:
    kept = [
        (name, str(made))
        for name, made in admin.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'raffle_schema' AND indexname = ANY (%s)",
            (list(_INDEXES),),
        )
    ]
    for name, _ in kept:
        admin.execute(f"DROP INDEX raffle_schema.{name}".encode())
    admin.execute("ALTER TABLE raffle_schema.raffle_tickets DROP CONSTRAINT raffle_tickets_ticket_number_check")
    begin = _number(admin, "SELECT coalesce(max(id), 0) FROM raffle_schema.raffle_entries", ()) + 1
    numbers = islice(_numbers(), first, None)
    key = bytes(range(32))
    with admin.cursor() as cursor:
        with cursor.copy(
            "COPY raffle_schema.raffle_entries (id, raffle_id, issuance_id, user_id, source, ticket_count, entry_hash,"
            " owner_tag) FROM STDIN"
        ) as copy:
            for at in range(entries):
                issuance, user = UUID(int=begin + at), UUID(int=(raffle << 64) + at // 2)
                mine = list(islice(numbers, TICKETS_AN_ENTRY))
                hashed, tag = entry_hash(code, issuance, mine), owner_tag(key, code, user)
                copy.write(
                    f"{begin + at}\t{raffle}\t{issuance}\t{user}\tBONUS\t{TICKETS_AN_ENTRY}\t\\\\x{hashed.hex()}"
                    f"\t\\\\x{tag.hex()}\n"
                )
        numbers = islice(_numbers(), first, None)
        with cursor.copy(
            "COPY raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id) FROM STDIN"
        ) as copy:
            for at in range(entries):
                head, user = f"{raffle}\t{begin + at}\t", UUID(int=(raffle << 64) + at // 2)
                copy.write("".join(f"{head}{number}\t{user}\n" for number in islice(numbers, TICKETS_AN_ENTRY)))
    for _, made in kept:
        admin.execute(made.encode())
    admin.execute(
        "ALTER TABLE raffle_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_ticket_number_check"
        " CHECK (raffle_schema.is_ticket_number(ticket_number)) NOT VALID"
    )


def _number(admin: Admin, sql: str, values: tuple[object, ...]) -> int:
    found = admin.execute(sql.encode(), values).fetchone()
    assert found is not None
    return int(str(found[0]))


def _numbers() -> Iterator[str]:
    """Valid ticket numbers: the check is linear, so that of a whole is made of those of its parts."""
    heads = [("".join(one), _sum(one, 1)) for one in product(_ALPHABET, repeat=3)]
    tails = [("".join(one), _sum(one, 13)) for one in product(_ALPHABET, repeat=3)]
    for head, sum_of_head in heads:
        begin = f"TKT{head}000000000"
        for tail, sum_of_tail in tails:
            yield f"{begin}{tail}{_ALPHABET[sum_of_head ^ sum_of_tail]}"


def _sum(characters: tuple[str, ...], first: int) -> int:
    """Of values at places from `first` on: value * x^(16 - place) in GF(32) with x^5 = x^2 + 1."""
    total = 0
    for place, character in enumerate(characters, first):
        value = _ALPHABET.index(character)
        for _ in range(16 - place):
            value = (value << 1) & 31 ^ (5 if value & 16 else 0)
        total ^= value
    return total
