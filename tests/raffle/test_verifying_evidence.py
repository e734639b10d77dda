"""What says that a list was frozen before its round: timestamps of authorities, and who trusts which."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.verifying import Trust
from tests.raffle.bundle_maker import FROZEN_AT, GAP_S, Draw, Entry, Made, canonical, made, sealed, sha256
from tests.raffle.time_authority import Authority, authority, authority_below, token
from tests.raffle.verifiers import Said, by_module, by_platform, by_single_file

ENTRIES = tuple(Entry(n) for n in range(6))
IN_TIME = FROZEN_AT + GAP_S - 1
TOO_LATE = FROZEN_AT + GAP_S
LISTED = made(Draw(entries=ENTRIES)).leaves  # of every draw here
TRUSTING = Trust(chain=TEST, tsa_roots=(authority().root,))


def stamped(when: int = IN_TIME, by: Authority | None = None, *, algorithm: str = "PROVABLY_FAIR") -> Made:
    def stamp(hashed: bytes) -> bytes:
        return token(hashed, datetime.fromtimestamp(when, UTC), by)

    return made(Draw(entries=ENTRIES, algorithm=algorithm, timestamp=stamp))


def resealed(draw: Made) -> bytes:
    """As the operator gives it who has changed it himself."""
    return canonical(sealed(draw.bundle))


def both(data: bytes, trust: Trust) -> tuple[int, str]:
    """What the two verifiers in Python say, which must be the same: the code, and the timestamps' outcome."""
    platform, single = by_platform(data, trust, LISTED), by_single_file(data, trust, LISTED)
    assert (platform.code, platform.checks) == (single.code, single.checks)
    return platform.code, platform.checks["timestamps"]


def test_a_trusted_timestamp_from_before_the_gap_is_evidence() -> None:
    assert both(stamped().data, TRUSTING) == (0, "held")
    assert both(stamped(TOO_LATE).data, TRUSTING) == (1, "not held")
    assert both(stamped(TOO_LATE, algorithm="MERKLE_TREE").data, TRUSTING) == (3, "not held")


def test_an_authority_that_nobody_trusts_is_not_checked_and_does_not_count() -> None:
    draw = stamped(algorithm="MERKLE_TREE")
    assert both(draw.data, Trust(chain=TEST)) == (3, "not checked")
    assert both(draw.data, Trust(chain=TEST, tsa_roots=(authority("otra").root,))) == (3, "not checked")
    assert both(stamped().data, Trust(chain=TEST)) == (3, "not checked"), "evidence is there, and nothing is proven"
    several = (authority("otra").root, authority().root)
    assert both(draw.data, Trust(chain=TEST, tsa_roots=several)) == (0, "held")


def test_one_trusted_timestamp_among_others_is_enough() -> None:
    draw = stamped(algorithm="MERKLE_TREE")
    other = token(draw.manifest_sha256, datetime.fromtimestamp(IN_TIME, UTC), authority("otra"))
    draw.bundle["evidence"]["timestamps"].append({"token": other.hex()})
    assert both(resealed(draw), TRUSTING) == (0, "held")


def test_an_intermediate_certificate_that_the_token_lacks_may_come_with_the_root() -> None:
    below = authority_below()
    assert below.intermediate is not None
    draw = stamped(by=below, algorithm="MERKLE_TREE")
    assert both(draw.data, Trust(chain=TEST, tsa_roots=(below.root, below.intermediate))) == (0, "held")
    assert both(draw.data, Trust(chain=TEST, tsa_roots=(below.root,))) == (3, "not checked")


def test_the_module_never_counts_a_timestamp() -> None:
    draw, fair = stamped(algorithm="MERKLE_TREE"), stamped()
    said: list[Said] = by_module([draw.data, fair.data], Trust(chain=TEST))
    assert [(one.code, one.checks["timestamps"]) for one in said] == [(3, "not checked"), (3, "not checked")]


def test_a_timestamp_over_another_manifest_is_refused_by_all() -> None:
    draw = stamped(algorithm="MERKLE_TREE")
    other = token(sha256(b"another"), datetime.fromtimestamp(IN_TIME, UTC))
    draw.bundle["evidence"]["timestamps"][0]["token"] = other.hex()
    assert both(resealed(draw), TRUSTING) == (1, "bad")
    assert both(resealed(draw), Trust(chain=TEST)) == (1, "bad")
    assert by_module([resealed(draw)], Trust(chain=TEST))[0].bad == {"timestamps"}


@pytest.mark.parametrize("forged", ["another root of the same name", "a certificate for something else"])
def test_a_token_in_the_name_of_a_trusted_authority_that_is_not_its_own_is_refused(forged: str) -> None:
    if forged.startswith("another"):
        by, trusted = authority(number=2), TRUSTING.tsa_roots
        assert by.root.subject == trusted[0].subject
    else:
        by = authority("para código", can_stamp=False)
        trusted = (by.root,)
    draw = stamped(by=by, algorithm="MERKLE_TREE")
    assert both(draw.data, Trust(chain=TEST, tsa_roots=trusted)) == (1, "bad")


def test_a_changed_token_that_the_operator_sealed_never_says_anything_else() -> None:
    """A flipped bit is refused; where it hits the name of the authority, nobody checks the token any more.

    A few bytes of the wrapping are covered by no signature of the authority's, its version numbers among them: these
    change nothing. Whoever is not the operator changes no byte at all: the seal is over every one.
    """
    draw = stamped(algorithm="MERKLE_TREE")
    whole = bytes.fromhex(draw.bundle["evidence"]["timestamps"][0]["token"])
    held: list[int] = []
    for at in range(3, len(whole), 7):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        draw.bundle["evidence"]["timestamps"][0]["token"] = changed.hex()
        assert both(canonical(draw.bundle), TRUSTING)[0] == 1
        code, outcome = both(resealed(draw), TRUSTING)
        if outcome == "held":
            held.append(at)
        assert (code, outcome) in {(1, "bad"), (3, "not checked"), (0, "held")}
    certificate = authority().certificate.public_bytes(Encoding.DER)
    at_imprint, at_certificate = whole.index(draw.manifest_sha256), whole.index(certificate)
    signed = {
        *range(at_imprint, at_imprint + 32 + 20),  # the hash, the serial number, the time
        *range(at_certificate, at_certificate + len(certificate)),
        *range(len(whole) - 256, len(whole)),  # the signature
    }
    assert not signed & set(held)
    assert len(held) <= 4
