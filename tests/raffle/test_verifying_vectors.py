"""Published vectors, held against the single file and, through a bundle, against all three verifiers."""

import json
from hashlib import sha256

from gasolinera.raffle.beacon import QUICKNET, TEST
from gasolinera.raffle.verifying import Trust
from tests.raffle.bundle_maker import Draw, Entry, made, tree_hash, tree_path
from tests.raffle.verifiers import by_all, by_module, single_file_module

TRUST = Trust(chain=TEST)
SINGLE = single_file_module()

# The tree of Certificate Transparency's reference tests: eight leaves, and the root over the first n of them.
CT_LEAVES = [bytes.fromhex(x) for x in "- 00 10 2021 3031 40414243 5051525354555657".replace("-", "").split(" ")]
CT_LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
CT_ROOTS = ["6e340b9c", "fac54203", "aeb6bcfe", "d37ee418", "4e3bbb1f", "76e67dad", "ddb89be4", "5dc9da79"]
CT_PATH_OF_FIRST = ["96a296d2", "5f083f0a", "6b47aaf2"]

# RFC 8785, section 3.2.2: a text, and the one way to spell it.
RFC_8785_TEXT = '\u20ac$\u000f\nA\'B"\\\\"/'
RFC_8785_SPELLING = b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


def test_the_trees_of_certificate_transparency_have_their_roots() -> None:
    """The maker of bundles first: what it proves is then held against the single file."""
    assert [tree_hash(CT_LEAVES[:n]).hex()[:8] for n in range(1, 9)] == CT_ROOTS
    assert [step.hex()[:8] for step in tree_path(0, CT_LEAVES)] == CT_PATH_OF_FIRST
    for size in range(1, 9):
        leaves = CT_LEAVES[:size]
        root = tree_hash(leaves).hex()
        for index in range(size):
            path = [step.hex() for step in tree_path(index, leaves)]
            assert SINGLE.root_from(index, size, leaves[index], path) == root
            for wrong in (index + 1, index + size, (index + 1) % size):
                assert wrong == index or SINGLE.root_from(wrong, size, leaves[index], path) != root
            assert SINGLE.root_from(index, size, leaves[index], [*path, "00" * 32]) != root
            assert not path or SINGLE.root_from(index, size, leaves[index], path[:-1]) != root


def test_every_place_of_lists_of_every_size_is_proven_to_all_three() -> None:
    """Sizes around powers of two, where the last leaf goes up unhashed."""
    draws = [
        made(Draw(entries=tuple(Entry(n) for n in range(size)), prizes=(size,))).data
        for size in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33)
    ]
    for platform, single, module in by_all(draws, TRUST):
        assert (platform.code, single.code, module.code) == (3, 3, 3)


def test_the_text_of_rfc_8785_has_one_spelling_for_all_three() -> None:
    draw = made(Draw(entries=(Entry(1),), name=RFC_8785_TEXT))
    assert b'"name":' + RFC_8785_SPELLING in draw.data
    spellings = [b'"\\u20ac$', b"\\u000F", b"\\u000a", b"\\u0022", b"\\/"]
    plain = ["\u20ac$".encode(), b"\\u000f", b"\\n", b'\\"', b"/"]
    others = [
        draw.data.replace(RFC_8785_SPELLING, RFC_8785_SPELLING.replace(good, other.lstrip(b'"'), 1))
        for good, other in zip(plain, spellings, strict=True)
    ]
    assert len({draw.data, *others}) == 6
    assert all(json.loads(other) == json.loads(draw.data) for other in others)
    said = by_all([draw.data, *others], TRUST)
    assert [{one.code for one in three} for three in said] == [{3}, {1}, {1}, {1}, {1}, {1}]


def test_half_a_character_is_refused_by_all_three() -> None:
    draw = made(Draw(entries=(Entry(1),), name="Sorteo"))
    lone = draw.data.replace(b'"Sorteo"', b'"Sorteo\\ud800"')
    assert [one.code for one in by_all([lone], TRUST)[0]] == [1, 1, 1]


def test_a_round_of_quicknet_is_genuine_to_the_single_file_with_either_library() -> None:
    signature = bytes.fromhex(
        "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
    )
    key = bytes.fromhex(QUICKNET.public_key)
    assert QUICKNET.chain_hash == SINGLE.QUICKNET
    assert SINGLE.is_round_genuine(key, 657413, signature)
    assert not SINGLE.is_round_genuine(key, 657414, signature)
    assert not SINGLE.is_round_genuine(key, 657413, b"\xc0" + bytes(47))
    assert sha256(signature).hexdigest() == "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"


def test_the_module_takes_no_key_of_small_order() -> None:
    """Under such a key libraries differ: some take a signature of nothing for any message."""
    for weak in ("01" + "00" * 31, "00" * 32, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"):
        draw = made(Draw(entries=(Entry(1),)))
        draw.bundle["manifest"]["operator"]["public_key"] = weak
        draw.bundle["signature"] = "01" + "00" * 63
        [said] = by_module([draw.data], TRUST)
        assert "signature" in said.bad
