#!/usr/bin/env python3
"""Verify the draw of a raffle. One file; trusts nothing but mathematics, the beacon's key, and whom you name.

    python3 verify_draw.py bundle.json --entries list.bin [--tsa-root authority.pem] [--witness-key HEX] …

Needs Python 3.11 or newer, PyNaCl, and drand-verify or py_ecc; for timestamps rfc3161-client. Opens no connection.
Exit code 0: verified. 3: consistent; no list is given, or nobody whom you trust dates it. 1: refused. 2: unreadable.
"""

# ruff: noqa: E401, E701, E704, I001, N818, PLC0415, PLR0911, T201  short, prints, and imports what need not be there where it is used
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false
# fmt: off
import argparse, bisect, collections, datetime, hashlib, json, pathlib, re, ssl, sys

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

# The beacon that is trusted unless you name another one: its hash is over its key, its period and its beginning.
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
TEST_CHAIN = "9a177d0d6480baa317ed7e20e722f0ffa96c18a2af5ad09f9f2f983ded3f9aee"  # anybody knows its rounds beforehand
SOURCES = {"COUPON_REDEMPTION": 1, "AD_ENGAGEMENT": 2, "PROMOTIONAL": 3, "BONUS": 4, "FREE_ENTRY": 5}
GOOD, BAD, HELD, NOT_HELD, NOT_CHECKED, NONE = "good", "bad", "held", "not held", "not checked", "none"

# The form of a document: {} has exactly these fields, [x] is a list of x, (a, b) is a or b, "=x" is the text x itself,
# a number in a text is so many bytes in hexadecimal; the other words are in `fits`.
MANIFEST = {
    "format": "=gasolinera-draw-manifest-1", "rules": 1, "draw_number": "positive", "previous": (None, "32"),
    "raffle": {
        "code": "code", "name": "text", "type": "text", "permit_number": (None, "text"), "terms_version": "text",
        "terms_sha256": "32", "algorithm": ("=MERKLE_TREE", "=PROVABLY_FAIR", "=WEIGHTED", "=RANDOM"),
        "opens_at": "time", "closes_at": "time"},
    "frozen_at": "time", "weights": (None, "weights"), "alternates": "count", "one_prize_per_owner": "flag",
    "entries": {"leaves": "positive", "tickets": "positive", "owners": "positive", "weight": "positive", "root": "32",
                "list_sha256": "32"},
    "prizes": [{"rank": "positive", "name": "text", "type": "text", "value": "text", "currency": "text",
                "quantity": "positive"}],
    "beacon": {"scheme": "text", "id": "text", "chain_hash": "32", "group_hash": "32", "public_key": "96",
               "genesis_time": "count", "period_s": "positive", "round": "positive", "round_at": "time"},
    "evidence": {"required": "flag", "gap_s": "count", "quorum": "count",
                 "witnesses": [{"terminal": "text", "public_key": "32"}]},
    "excluded": {"entries": "count", "sha256": "32"}, "operator": {"key_id": "count", "public_key": "32"},
}
BUNDLE = {
    "format": "=gasolinera-draw-bundle-1", "manifest": MANIFEST, "signature": "64", "seal": "64",
    "blocks": "count", "previous": (None, {"manifest": MANIFEST, "signature": "64"}),
    "evidence": {"timestamps": [{"token": "hex"}],
                 "witnesses": [{"terminal": "text", "signed_at": "time", "signature": "64"}]},
    "beacon": {"round": "positive", "signature": "48", "randomness": "32"},
    "leaves": [{"index": "count", "leaf": "54", "proof": ["32"]}],
    "openings": [{"index": "count", "issuance_id": "16", "numbers": ["ticket"]}],
    "positions": [{"position": "positive", "block": "count", "point": "count", "index": "count", "ticket": "ticket",
                   "role": ("=PRIZE", "=ALTERNATE"), "rank": (None, "positive"), "unit": (None, "positive")}],
}
PATTERNS = {"text": "(?s).{1,4000}", "code": "[!-~]{1,255}", "hex": "([0-9a-f]{2})+",
            "ticket": "TKT[0-9A-HJKMNP-TV-Z]{16}", "time": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"}

class Refused(Exception):
    """A check that failed, in words."""
def require(condition, words):
    if not condition: raise Refused(words)
def sha256(data): return hashlib.sha256(data).digest()
def fits(form, value):
    if isinstance(form, tuple): return any(fits(one, value) for one in form)
    if isinstance(form, dict):
        return isinstance(value, dict) and value.keys() == form.keys() and all(fits(form[k], value[k]) for k in form)
    if isinstance(form, list): return isinstance(value, list) and all(fits(form[0], one) for one in value)
    if form == "weights":
        known = isinstance(value, dict) and len(value) > 0 and value.keys() <= SOURCES.keys()
        return known and all(fits("positive", one) and one <= 1000 for one in value.values())
    if form in ("flag", None): return value is None if form is None else isinstance(value, bool)
    if form in ("count", "positive", 1):
        return type(value) is int and (value == 1 if form == 1 else (form == "positive") <= value < 2**53)
    if not isinstance(value, str) or form.startswith("="): return isinstance(value, str) and value == form[1:]
    good = re.fullmatch(PATTERNS.get(form) or f"[0-9a-f]{{{2 * int(form)}}}", value) is not None
    return good and (form != "time" or seconds(value) >= 0)
def seconds(text):
    """Since 1970. Raises ValueError for what no calendar has."""
    return int(datetime.datetime.strptime(text[:-1] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp())
def canonical(document): return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
def read_bundle(data):
    """Refused unless writing it again gives the same bytes: no spaces, no field twice, no 1.0."""
    try:
        bundle = json.loads(data.decode())
        require(canonical(bundle) == data, "it is not in its canonical form, so it is not what was signed")
        require(fits(BUNDLE, bundle), "it has a field too many, too few, or of a wrong kind")
    except (ValueError, RecursionError) as error: raise Refused(f"it is no such document: {error}") from None
    return bundle
def is_signed(public_key, message, signature):
    try: VerifyKey(bytes.fromhex(public_key)).verify(message, bytes.fromhex(signature))
    except (BadSignatureError, ValueError): return False
    return True
def check_signature(manifest, signature, document=None):
    """Of the manifest, or of another document by the same key."""
    message = (document := document or manifest)["format"].encode() + b"\0" + canonical(document)
    require(is_signed(manifest["operator"]["public_key"], message, signature), "this is not what was signed")
    return GOOD, f"the key that the manifest names has signed the {document['format']}"

# --- The manifest: what was laid down before the round. ---
def check_manifest(manifest):
    entries, raffle, given = manifest["entries"], manifest["raffle"], manifest["weights"]
    total, tickets = entries["weight"], entries["tickets"]
    require(entries["owners"] <= entries["leaves"] <= tickets, "there are more owners than entries, or than tickets")
    require((given is not None) == (raffle["algorithm"] == "WEIGHTED"), "weights belong to WEIGHTED draws alone")
    low = high = entries["owners"] if raffle["algorithm"] == "RANDOM" else tickets
    if given is not None:
        low, high = min(given.values()) * tickets, max(given.values()) * tickets
    require(low <= total <= high and total < 2**41, "the total weight does not follow from the tickets")
    ranks = [prize["rank"] for prize in manifest["prizes"]]
    require(ranks and ranks == sorted(set(ranks)), "there is no prize, or they are not in the order of rank")
    terminals = [witness["terminal"] for witness in manifest["evidence"]["witnesses"]]
    require(terminals == sorted(set(terminals)), "the witnesses are not in order")
    require(manifest["evidence"]["required"] or raffle["algorithm"] != "PROVABLY_FAIR", "PROVABLY_FAIR needs evidence")
    opens, closes, frozen = (seconds(text) for text in (raffle["opens_at"], raffle["closes_at"], manifest["frozen_at"]))
    require(opens < closes <= frozen, "the raffle was not open before it closed, or was frozen before that")
    enough = manifest["evidence"]["gap_s"] >= 600 or manifest["beacon"]["chain_hash"] == TEST_CHAIN
    require(enough, "less than 600 seconds are left between the evidence and the round")
    out, nobody = manifest["excluded"]["entries"], manifest["excluded"]["sha256"] == sha256(b"").hex()
    require(nobody == (out == 0) and out < 2**41, "the number of those who were left out is not that of their list")
    return GOOD, f"draw {manifest['draw_number']}, {entries['leaves']} entries, {tickets} tickets: the numbers add up"
def check_history(bundle):
    manifest, earlier = bundle["manifest"], bundle["previous"]
    first = manifest["draw_number"] == 1
    require((manifest["previous"] is None) == first == (earlier is None), "only the first draw has none before it")
    if first: return GOOD, "this is the operator's first draw"
    require(sha256(canonical(earlier["manifest"])).hex() == manifest["previous"], "the draw before is another one")
    require(earlier["manifest"]["draw_number"] == manifest["draw_number"] - 1, "a draw is missing in between")
    later = seconds(earlier["manifest"]["frozen_at"]) <= seconds(manifest["frozen_at"])
    require(later, "the draw before was frozen after this one")
    check_signature(**earlier)
    return GOOD, f"it follows draw {manifest['draw_number'] - 1} directly"
def check_chain(beacon, trusted):
    require(beacon["period_s"] < 2**32, "the beacon's period is too long")
    data = beacon["period_s"].to_bytes(4, "big") + beacon["genesis_time"].to_bytes(8, "big")
    data += bytes.fromhex(beacon["public_key"] + beacon["group_hash"])
    data += beacon["id"].encode() * (beacon["id"] != "default")
    require(sha256(data).hex() == beacon["chain_hash"], "the beacon's hash is not its own")
    require(beacon["scheme"] == "bls-unchained-g1-rfc9380", "the beacon signs in another way")
    require(beacon["chain_hash"] == trusted, f"the draw trusts the beacon {beacon['id']}, which you do not name")
    return GOOD, f"the beacon is {beacon['id']}, which you trust"
def check_schedule(manifest):
    beacon, frozen_at = manifest["beacon"], manifest["frozen_at"]
    due = beacon["genesis_time"] + beacon["period_s"] * (beacon["round"] - 1)
    require(due == seconds(beacon["round_at"]), "the round comes at another time than the manifest says")
    require(seconds(frozen_at) + manifest["evidence"]["gap_s"] <= due, "the list was frozen too near to the round")
    return GOOD, f"frozen at {frozen_at}, says the operator; the round came at {beacon['round_at']}"

# --- The round, and what follows from it. ---
def is_round_genuine(public_key, number, signature):
    if (signature[0] | public_key[0]) & 0x40: return False  # the point at infinity: under such a key anything is signed
    try:
        try:
            from drand_verify import verify_bls_unchained_g1_rfc9380
            return bool(verify_bls_unchained_g1_rfc9380(number, signature.hex(), public_key.hex()))
        except ImportError:
            from py_ecc import optimized_bls12_381 as bls
            from py_ecc.bls import g2_primitives, hash_to_curve, point_compression
        point = point_compression.decompress_G1(int.from_bytes(signature, "big"))
        key = point_compression.decompress_G2([int.from_bytes(public_key[at : at + 48], "big") for at in (0, 48)])
    except ValueError: return False
    domain = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
    hashed = hash_to_curve.hash_to_G1(sha256(number.to_bytes(8, "big")), domain, hashlib.sha256)
    grouped = g2_primitives.subgroup_check(point) and g2_primitives.subgroup_check(key)
    return grouped and bls.pairing(bls.G2, point) == bls.pairing(key, hashed)
def check_round(bundle, trusted):
    planned, given = bundle["manifest"]["beacon"], bundle["beacon"]
    key, signature = bytes.fromhex(planned["public_key"]), bytes.fromhex(given["signature"])
    check_chain(planned, trusted)
    require(planned["round"] == given["round"], "another round was used than the manifest says")
    require(is_round_genuine(key, given["round"], signature), "the beacon that you trust has not signed this round")
    require(sha256(signature).hex() == given["randomness"], "the randomness is not the round's")
    return GOOD, f"the beacon has signed round {given['round']}"
def root_from(index, size, leaf, proof):
    """RFC 9162, section 2.1.3.2; None where the proof is too long or too short."""
    place, last, found = index, size - 1, sha256(b"\0" + leaf)
    for beside in map(bytes.fromhex, proof):
        while last and place == last and place % 2 == 0:  # the last of an odd number goes up as it is
            place, last = place // 2, last // 2
        if last == 0: return None
        found = sha256(b"\1" + (beside + found if place % 2 else found + beside))
        place, last = place // 2, last // 2
    return found.hex() if last == 0 and index < size else None
Leaf = collections.namedtuple("Leaf", "index entry_hash owner start end weight unit data")
FIRST = Leaf(-1, b"", b"", 0, 0, 0, 1, b"")  # what comes before it
def leaf_of(manifest, index, data):
    """A leaf of 54 bytes, possible by itself. `unit` is what one ticket of it weighs."""
    start, weight = int.from_bytes(data[45:50], "big"), int.from_bytes(data[50:54], "big")
    names = [name for name, number in SOURCES.items() if number == data[0]]
    require(names, f"entry {index} is of no known source")
    unit = 1 if manifest["weights"] is None else manifest["weights"].get(names[0], 0)
    possible = weight <= 1 if manifest["raffle"]["algorithm"] == "RANDOM" else weight > 0
    require(unit > 0 and weight % unit == 0 and possible, f"entry {index} has an impossible weight")
    return Leaf(index, data[1:29], data[29:45], start, start + weight, weight, unit, data)
def leaves_of(bundle):
    return [leaf_of(bundle["manifest"], given["index"], bytes.fromhex(given["leaf"])) for given in bundle["leaves"]]
def check_neighbours(entries, before, leaf):
    require(leaf.index > before.index and leaf.entry_hash > before.entry_hash, "the entries are not in their order")
    fits_in = leaf.start == before.end if leaf.index == before.index + 1 else leaf.start >= before.end
    require(fits_in, f"the range of entry {leaf.index} overlaps the one before, or leaves a hole")
    ending = leaf.end == entries["weight"] if leaf.index == entries["leaves"] - 1 else leaf.end <= entries["weight"]
    require(ending, "the ranges end at another place than the manifest says")
def check_leaves(bundle):
    entries, before = bundle["manifest"]["entries"], FIRST
    for given, leaf in zip(bundle["leaves"], leaves_of(bundle), strict=True):
        found = root_from(leaf.index, entries["leaves"], leaf.data, given["proof"])
        require(found == entries["root"], f"entry {leaf.index} is not in the list that was frozen")
        check_neighbours(entries, before, leaf)
        before = leaf
    owners = [leaf.owner for leaf in leaves_of(bundle) if bundle["manifest"]["raffle"]["algorithm"] == "RANDOM"]
    require(len(owners) == len(set(owners)), "one person has two chances")
    return GOOD, f"{len(bundle['leaves'])} entries that were drawn or skipped are in the list"
def check_list(bundle, data):
    """All leaves: each point belongs to one entry and no other, which no proof of a single leaf can show."""
    manifest, entries = bundle["manifest"], bundle["manifest"]["entries"]
    random = manifest["raffle"]["algorithm"] == "RANDOM"
    if data is None: return NOT_CHECKED, "give the whole list: without it two entries may have one range"
    require(len(data) == 54 * entries["leaves"], f"the list has {len(data) / 54:g} entries, not {entries['leaves']}")
    require(sha256(data).hex() == entries["list_sha256"], "the list is not the one that was frozen")
    before, owners, tickets, level = FIRST, set(), 0, []
    for index in range(entries["leaves"]):
        leaf = leaf_of(manifest, index, data[54 * index : 54 * index + 54])
        check_neighbours(entries, before, leaf)
        require(not random or leaf.weight == (leaf.owner not in owners), "one person has two chances, or none")
        owners.add(leaf.owner)
        tickets, before = tickets + leaf.weight // leaf.unit, leaf
        level.append(sha256(b"\0" + leaf.data))
    while len(level) > 1:  # the last of an odd number goes up as it is
        level = [sha256(b"\1" + b"".join(level[at : at + 2])) if at + 1 < len(level) else level[at]
                 for at in range(0, len(level), 2)]
    require(level[0].hex() == entries["root"], "the list has another root")
    counted = len(owners) == entries["owners"] and (random or tickets == entries["tickets"])
    require(counted, f"the list has {len(owners)} owners and {tickets} tickets")
    shown = all(data[54 * (at := one["index"]) : 54 * at + 54].hex() == one["leaf"] for one in bundle["leaves"])
    require(shown, "the list has other entries than those that are shown")
    return GOOD, f"the whole list is the one that was frozen: {len(owners)} owners"
def check_openings(bundle):
    manifest, code = bundle["manifest"], bundle["manifest"]["raffle"]["code"].encode()
    leaves = {leaf.index: leaf for leaf in leaves_of(bundle)}
    wanted = {one["index"] for one in bundle["positions"]}
    same = wanted <= leaves.keys() and [one["index"] for one in bundle["openings"]] == sorted(wanted)
    require(same, "the entries that are shown are not those that were drawn")
    for opening in bundle["openings"]:
        numbers, leaf = opening["numbers"], leaves[opening["index"]]
        require(numbers and numbers == sorted(set(numbers)), "ticket numbers are not in order, or twice")
        data = b"gasolinera-entry-1\0" + bytes([len(code)]) + code + bytes.fromhex(opening["issuance_id"])
        data += len(numbers).to_bytes(4, "big") + "".join(numbers).encode()
        require(sha256(data)[:28] == leaf.entry_hash, "an entry has other tickets than those that are shown")
        enough = manifest["raffle"]["algorithm"] == "RANDOM" or len(numbers) * leaf.unit == leaf.weight
        require(enough, "an entry weighs more or less than its tickets")
    return GOOD, f"the tickets of {len(wanted)} drawn entries are those of the list"
def draw_again(bundle):
    """The positions as they follow from the round, the indexes that were pointed to, and the blocks that were read."""
    manifest, entries = bundle["manifest"], bundle["manifest"]["entries"]
    once, total, leaves = manifest["one_prize_per_owner"], entries["weight"], leaves_of(bundle)
    capacity = entries["weight" if manifest["raffle"]["algorithm"] == "RANDOM" else "tickets"]
    units = sum(prize["quantity"] for prize in manifest["prizes"])
    sought = min(units + manifest["alternates"], entries["owners"] if once else capacity)
    given, blocks, last = len(bundle["positions"]), bundle["blocks"], 100_000 + 20 * sought
    possible = given == sought or (given < sought and blocks == last + 1)  # few bytes may promise what nobody can count
    require(possible, f"there are {given} positions, not {sought}")
    require(blocks <= min(last + 1, 500_000 + 20 * given), f"no draw reads {blocks} blocks for {given} positions")
    roles = ((prize["rank"], unit) for prize in manifest["prizes"] for unit in range(1, prize["quantity"] + 1))
    seeded = bytes.fromhex(bundle["beacon"]["randomness"]) + sha256(canonical(manifest))
    seed = sha256(b"gasolinera-draw-seed-1\0" + seeded)
    numbers = {opening["index"]: opening["numbers"] for opening in bundle["openings"]}
    found, pointed, tickets, owners, block = [], set(), set(), set(), 0
    while len(found) < sought and block <= last:
        value = int.from_bytes(sha256(b"gasolinera-draw-pick-1\0" + seed + block.to_bytes(8, "big")), "big")
        block += 1
        if value >= 2**256 // total * total: continue
        point = value % total
        at = bisect.bisect_right(leaves, point, key=lambda leaf: leaf.end)
        require(at < len(leaves) and leaves[at].start <= point, f"the entry at {point}, which was drawn, is not shown")
        leaf = leaves[at]
        ticket = (leaf.index, (point - leaf.start) // leaf.unit)
        pointed.add(leaf.index)
        if ticket in tickets or (once and leaf.owner in owners): continue
        tickets.add(ticket)
        owners.add(leaf.owner)
        require(ticket[1] < len(numbers.get(leaf.index, ())), f"the ticket at {point}, which was drawn, is not shown")
        rank, unit = next(roles, (None, None))
        found.append({"position": len(found) + 1, "block": block - 1, "point": point, "index": leaf.index, "rank": rank,
                      "ticket": numbers[leaf.index][ticket[1]], "role": "PRIZE" if rank else "ALTERNATE", "unit": unit})
    return found, pointed, block
def check_selection(bundle):
    found, pointed, blocks = draw_again(bundle)
    for right, given in zip(found, bundle["positions"], strict=False):
        require(right == given, f"position {right['position']} is {given['ticket']}, the round says {right['ticket']}")
    require(len(found) == len(bundle["positions"]), f"there are {len(bundle['positions'])} positions, not {len(found)}")
    require(pointed == {given["index"] for given in bundle["leaves"]}, "entries are shown that were not drawn")
    require(blocks == bundle["blocks"], f"{blocks} blocks are read, not {bundle['blocks']}")
    prizes = sum(position["role"] == "PRIZE" for position in found)
    return GOOD, f"{prizes} prizes and {len(found) - prizes} alternates follow from the round, in this order"

# --- Who besides the operator says that the list was frozen before. ---
def check_witnesses(manifest, given, trusted, deadline):
    """All must have signed; those count whose keys you have from elsewhere than the manifest."""
    keys, early = {witness["terminal"]: witness["public_key"] for witness in manifest["evidence"]["witnesses"]}, set()
    terminals = [witness["terminal"] for witness in given]
    require(terminals == sorted(set(terminals)), "the witnesses are not in order, or one is there twice")
    for witness in given:
        when, key = seconds(witness["signed_at"]), keys.get(witness["terminal"], "")
        message = b"gasolinera-draw-witness-1\0" + sha256(canonical(manifest)) + when.to_bytes(8, "big")
        require(is_signed(key, message, witness["signature"]), f"{witness['terminal']} has not signed this manifest")
        early |= {key} if when < deadline else set()
    quorum, known = max(1, manifest["evidence"]["quorum"]), len(early & set(trusted))
    words = f"{len(early)} terminals have signed in time, {known} of them with a key that you name, {quorum} are needed"
    unknown = NOT_CHECKED if len(early) >= quorum else NOT_HELD if given else NONE
    return HELD if known >= quorum else unknown, words
def check_timestamps(hashed, tokens, pems, deadline):
    """A token of an authority that you trust holds, is late, or is wrong; that of another one is not checked."""
    try:
        import rfc3161_client as client
        from cryptography.x509 import load_pem_x509_certificates
        roots = [root for pem in pems for root in load_pem_x509_certificates(pem)]
    except ImportError: roots = []
    outcomes = {HELD: 0, NOT_HELD: 0, NOT_CHECKED: 0}
    for token in tokens:
        require(b"\x04\x20" + hashed in token, "a timestamp is over something else")
        when = None
        if any(root.subject.public_bytes() in token for root in roots):  # an answer is "granted", and the token
            size = (len(token) + 5).to_bytes(((len(token) + 5).bit_length() + 7) // 8, "big")
            answer = bytes([0x30, 0x80 + len(size)]) + size + b"\x30\x03\x02\x01\x00" + token
            try:
                response = client.decode_timestamp_response(answer)
                algorithm = response.tst_info.message_imprint.hash_algorithm.dotted_string
                require(algorithm == "2.16.840.1.101.3.4.2.1", "a timestamp is over no SHA-256")
                client.VerifierBuilder(roots=roots).build().verify(response, hashed)
            except (client.VerificationError, ValueError) as error:
                raise Refused(f"a timestamp is wrong: {error}") from None
            when = response.tst_info.gen_time.timestamp()
        outcomes[NOT_CHECKED if when is None else HELD if when < deadline else NOT_HELD] += 1
    words = f"{outcomes[HELD]} in time, {outcomes[NOT_HELD]} too late, {outcomes[NOT_CHECKED]} not checked"
    return next((outcome for outcome, found in outcomes.items() if found), NONE), words
def compare(named, found, same, none):
    require(not named or found in named, f"you name another one; this is {found}")
    return (same, "it is the one that you name") if named else (none, f"you name none to compare it with {found}")
def verify(data, entries=None, operator_keys=(), chain=QUICKNET, roots=(), kept=(), witness_keys=()):
    """The verdict, and name, outcome and words of each check."""
    try: bundle = read_bundle(data)
    except Refused as refusal: return "refused", [("format", BAD, str(refusal))]
    report = [("format", GOOD, "the bundle is in the one form that it may have")]
    def run(name, check, *arguments):
        try:
            outcome, words = check(*arguments)
        except Exception as error:  # whatever a strange bundle leads to, it is not good
            outcome, words = BAD, str(error) if isinstance(error, Refused) else f"it cannot be checked: {error!r}"
        report.append((name, outcome, words))
    manifest, evidence, hashed = bundle["manifest"], bundle["evidence"], sha256(canonical(bundle["manifest"]))
    deadline = seconds(manifest["beacon"]["round_at"]) - manifest["evidence"]["gap_s"]
    run("signature", check_signature, manifest, bundle["signature"])
    run("seal", check_signature, manifest, bundle["seal"], {name: bundle[name] for name in bundle if name != "seal"})
    run("operator-key", compare, operator_keys, manifest["operator"]["public_key"], GOOD, NOT_CHECKED)
    run("manifest", check_manifest, manifest)
    run("history", check_history, bundle)
    run("chain", check_chain, manifest["beacon"], chain)
    run("schedule", check_schedule, manifest)
    run("round", check_round, bundle, chain)
    run("leaves", check_leaves, bundle)
    run("list", check_list, bundle, entries)
    for name, check in (("openings", check_openings), ("selection", check_selection)): run(name, check, bundle)
    tokens = [bytes.fromhex(stamp["token"]) for stamp in evidence["timestamps"]]
    run("timestamps", check_timestamps, hashed, tokens, roots, deadline)
    run("witnesses", check_witnesses, manifest, evidence["witnesses"], witness_keys, deadline)
    run("kept-manifest", compare, kept, hashed.hex(), HELD, NONE)
    held = [name for name, outcome, _ in report if outcome == HELD]
    outcomes = {name: outcome for name, outcome, _ in report}
    unknown = NOT_CHECKED in (outcomes["timestamps"], outcomes["witnesses"])  # it proves nothing, nor the opposite
    missing = NOT_CHECKED if unknown else BAD if manifest["evidence"]["required"] else NONE
    words = "not proven: name whom you trust" if unknown else "only the operator's word says when the list was frozen"
    report.append(("evidence", HELD if held else missing, ", ".join(held) or words))
    if BAD in [outcome for _, outcome, _ in report]: return "refused", report
    return "verified" if held and outcomes["list"] == GOOD else "consistent", report
def hexadecimal(text):
    if not re.fullmatch("[0-9a-f]{64}", text.lower()): raise ValueError(f"{text} is no value of 64 hexadecimal digits")
    return text.lower()
def certificates(path):
    ssl.create_default_context().load_verify_locations(path)  # raises SSLError, an OSError, where there are none
    return pathlib.Path(path).read_bytes()
def main():
    (parser := argparse.ArgumentParser(description="Verify the draw of a raffle.")).add_argument("bundle")
    parser.add_argument("--entries", help="the whole list, without which no draw is verified")
    for name, whose in (("--operator-key", "the operator's"), ("--witness-key", "a terminal's")):
        parser.add_argument(name, action="append", type=hexadecimal, default=[], help=f"{whose} key, which you trust")
    parser.add_argument("--chain", help="a file of what a drand node says at /info, for another beacon than quicknet")
    parser.add_argument("--tsa-root", action="append", default=[], help="PEM of an authority")
    parser.add_argument("--kept-manifest", action="append", type=hexadecimal, help="its SHA-256, from before the draw")
    given = parser.parse_args()
    try:
        data, roots = pathlib.Path(given.bundle).read_bytes(), [certificates(path) for path in given.tsa_root]
        entries = pathlib.Path(given.entries).read_bytes() if given.entries else None
        chain = hexadecimal(json.loads(pathlib.Path(given.chain).read_bytes())["hash"]) if given.chain else QUICKNET
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        parser.error(f"{error}")  # exit code 2
    verdict, report = verify(data, entries, given.operator_key, chain, roots, given.kept_manifest, given.witness_key)
    lines = [f"{outcome:12} {name:14} {words}" for name, outcome, words in report]
    print(*(re.sub("[^ -~]", "?", line) for line in lines), verdict.upper(), sep="\n")
    return {"verified": 0, "consistent": 3, "refused": 1}[verdict]

if __name__ == "__main__":
    sys.exit(main())
