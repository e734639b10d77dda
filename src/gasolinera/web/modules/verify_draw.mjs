/**
 * Verifies the draw of a raffle in the browser, and under Node: docs/reference/draw-format.md, byte for byte.
 *
 * It needs nothing of the operator's server: the bundle, the beacon's key that is pinned here, and what the user keeps
 * or names. It opens no connection. Every check is reported, so that a page can say each in plain words.
 * Timestamps are not checked here, and never count: that needs the certificates of authorities.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** The beacon of rehearsals: anybody knows its rounds beforehand, so a draw by it proves nothing. */
export const TEST = Object.freeze({
  scheme: "bls-unchained-g1-rfc9380",
  id: "gasolinera-test",
  chain_hash: "9a177d0d6480baa317ed7e20e722f0ffa96c18a2af5ad09f9f2f983ded3f9aee",
  group_hash: "701cdd59543d735db6c6d8951f4fd3561659cfd9d1c91874ef538c4f3160752d",
  public_key:
    "9380581759ef251cc747990c3754627197dff69e6bddd5d62a6475d1ec18626ae6441c1956b481f8122d8ddcb61ed3ea" +
    "0ae7619d9f1e3868c4326ded321dd329ba18ddc9fa577b150474db057ee44eb282db7376502d05adb446d30f43b53c51",
  genesis_time: 1735689600,
  period_s: 1,
});

export const QUICKNET = Object.freeze({
  scheme: "bls-unchained-g1-rfc9380",
  id: "quicknet",
  chain_hash: "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
  group_hash: "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
  public_key:
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  genesis_time: 1692803367,
  period_s: 3,
});

/** What a check may come to. */
export const OUTCOMES = Object.freeze({
  good: "good",
  bad: "bad",
  held: "held", // this evidence says that the list was frozen in time
  notHeld: "not held", // it is genuine, and too late or too little
  notChecked: "not checked",
  none: "none", // there is nothing to check
});
const { good, bad, held, notHeld, notChecked, none } = OUTCOMES;

const SOURCES = { COUPON_REDEMPTION: 1, AD_ENGAGEMENT: 2, PROMOTIONAL: 3, BONUS: 4, FREE_ENTRY: 5 };
const LEAF_BYTES = 54;
const DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/** A check that failed, in words. */
class Refusal extends Error {}

function require(condition, words) {
  if (!condition) throw new Refusal(words);
}

// --- Bytes ---

const encoder = new TextEncoder();

function bytesOf(hex) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Text becomes UTF-8. */
function joined(...parts) {
  const all = parts.map((part) => (typeof part === "string" ? encoder.encode(part) : part));
  const bytes = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** BE(size, number) of the format. */
function bigEndian(size, number) {
  const bytes = new Uint8Array(size);
  let rest = BigInt(number);
  for (let at = size - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

function integerOf(bytes) {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Negative, 0 or positive, as bytes are ordered. */
function order(left, right) {
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

function isAscending(texts) {
  return texts.every((text, at) => at === 0 || order(encoder.encode(texts[at - 1]), encoder.encode(text)) < 0);
}

// --- The form of the documents: which fields there are, and what each may be ---

function secondsOf(text) {
  const moment = new Date(text);
  const same = !Number.isNaN(moment.getTime()) && moment.toISOString() === `${text.slice(0, -1)}.000Z`;
  return same ? moment.getTime() / 1000 : -1;
}

const like = (pattern) => (value) => typeof value === "string" && pattern.test(value);
const bytes = (size) => like(new RegExp(`^[0-9a-f]{${2 * size}}$`));
const count = (value) => Number.isSafeInteger(value) && value >= 0;
const positive = (value) => count(value) && value > 0;
const flag = (value) => typeof value === "boolean";
const text = (value) => typeof value === "string" && value !== "" && [...value].length <= 4000;
const code = like(/^[!-~]{1,255}$/);
const ticketNumber = like(/^TKT[0-9A-HJKMNP-TV-Z]{16}$/);
const time = (value) => like(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)(value) && secondsOf(value) >= 0;
const oneOf = (...values) => (value) => values.includes(value);
const nullable = (form) => (value) => value === null || fits(form, value);
const listOf = (form) => (value) => Array.isArray(value) && value.every((one) => fits(form, one));
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function fits(form, value) {
  if (typeof form === "function") return form(value);
  const names = Object.keys(form);
  return (
    isObject(value) &&
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name) && fits(form[name], value[name]))
  );
}

function weights(value) {
  const names = isObject(value) ? Object.keys(value) : [];
  return names.length > 0 && names.every((name) => Object.hasOwn(SOURCES, name) && positive(value[name]) && value[name] <= 1000);
}

const OPENING = { issuance_id: bytes(16), numbers: listOf(ticketNumber) };
const LEAF = { index: count, leaf: bytes(LEAF_BYTES), proof: listOf(bytes(32)) };
const MANIFEST = {
  format: oneOf("gasolinera-draw-manifest-1"),
  rules: oneOf(1),
  draw_number: positive,
  previous: nullable(bytes(32)),
  raffle: {
    code,
    name: text,
    type: text,
    algorithm: oneOf("MERKLE_TREE", "PROVABLY_FAIR", "WEIGHTED", "RANDOM"),
    permit_number: nullable(text),
    terms_version: text,
    terms_sha256: bytes(32),
    opens_at: time,
    closes_at: time,
  },
  frozen_at: time,
  entries: { leaves: positive, tickets: positive, owners: positive, weight: positive, root: bytes(32), list_sha256: bytes(32) },
  excluded: { entries: count, sha256: bytes(32) },
  weights: nullable(weights),
  prizes: listOf({ rank: positive, name: text, type: text, value: text, currency: text, quantity: positive }),
  alternates: count,
  one_prize_per_owner: flag,
  beacon: {
    scheme: text,
    id: text,
    chain_hash: bytes(32),
    group_hash: bytes(32),
    public_key: bytes(96),
    genesis_time: count,
    period_s: positive,
    round: positive,
    round_at: time,
  },
  evidence: { required: flag, gap_s: count, quorum: count, witnesses: listOf({ terminal: text, public_key: bytes(32) }) },
  operator: { key_id: count, public_key: bytes(32) },
};
const BUNDLE = {
  format: oneOf("gasolinera-draw-bundle-1"),
  manifest: MANIFEST,
  signature: bytes(64),
  seal: bytes(64),
  previous: nullable({ manifest: MANIFEST, signature: bytes(64) }),
  evidence: {
    timestamps: listOf({ token: like(/^([0-9a-f]{2})+$/) }),
    witnesses: listOf({ terminal: text, signed_at: time, signature: bytes(64) }),
  },
  beacon: { round: positive, signature: bytes(48), randomness: bytes(32) },
  leaves: listOf(LEAF),
  openings: listOf({ index: count, ...OPENING }),
  positions: listOf({
    position: positive,
    block: count,
    point: count,
    index: count,
    ticket: ticketNumber,
    role: oneOf("PRIZE", "ALTERNATE"),
    rank: nullable(positive),
    unit: nullable(positive),
  }),
  blocks: count,
};
const RECEIPT = {
  receipt: {
    format: oneOf("gasolinera-entry-receipt-1"),
    raffle: code,
    issuance_id: bytes(16),
    source: text,
    entry_hash: bytes(28),
    owner_tag: bytes(16),
    numbers: listOf(ticketNumber),
    entered_at: time,
    received_at: time,
    operator: { key_id: count, public_key: bytes(32) },
  },
  signature: bytes(64),
};
const INCLUSION = {
  format: oneOf("gasolinera-inclusion-1"),
  manifest: MANIFEST,
  signature: bytes(64),
  ...LEAF,
  opening: nullable(OPENING),
};

/** The one spelling of RFC 8785. Throws a Refusal for half a character, which has no bytes. */
function canonicalText(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (isObject(value)) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${canonicalText(name)}:${canonicalText(value[name])}`).join(",")}}`;
  }
  require(typeof value !== "string" || !/\p{Surrogate}/u.test(value), "a text holds half a character");
  return JSON.stringify(value);
}

const canonical = (document) => encoder.encode(canonicalText(document));

/** Refused unless writing it again gives the same bytes: no spaces, no field twice, no 1.0. */
function read(data, form) {
  let document;
  let same = false;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
    same = order(canonical(document), data) === 0;
  } catch (error) {
    throw new Refusal(`it is no such document: ${error.message}`);
  }
  require(same, "it is not in its canonical form, so it is not what was signed");
  require(fits(form, document), "it has a field too many, too few, or of a wrong kind");
  return document;
}

// --- Signatures ---

/** Libraries differ about points of small order, under which a signature says nothing: none of them is good here. */
function isStrictPoint(data) {
  try {
    return !ed25519.Point.fromBytes(data, false).isSmallOrder();
  } catch {
    return false;
  }
}

async function isSigned(publicKeyHex, message, signatureHex) {
  const [publicKey, signature] = [bytesOf(publicKeyHex), bytesOf(signatureHex)];
  if (!isStrictPoint(publicKey) || !isStrictPoint(signature.slice(0, 32))) return false;
  let key;
  try {
    key = await globalThis.crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return ed25519.verify(signature, message, publicKey, { zip215: false }); // a browser without Ed25519
  }
  return globalThis.crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}

async function checkSignature({ manifest, signature }) {
  const message = joined(manifest.format, [0], canonical(manifest));
  const signed = await isSigned(manifest.operator.public_key, message, signature);
  require(signed, "the manifest's signature is wrong");
  return [good, "the key that the manifest names has signed it"];
}

async function checkSeal({ seal, ...contents }) {
  const message = joined(contents.format, [0], canonical(contents));
  const sealed = await isSigned(contents.manifest.operator.public_key, message, seal);
  require(sealed, "the bundle is not as the operator has sealed it");
  return [good, "the same key has sealed the bundle as it is"];
}

function checkKey(manifest, keys) {
  if (keys.length === 0) return [notChecked, "name the operator's key to compare it"];
  require(keys.includes(manifest.operator.public_key), "the draw is signed with another key than you name");
  return [good, "it is a key that you name"];
}

// --- The manifest: what was laid down before the round ---

/** Of times; and that there was enough of it. */
function checkOrder({ raffle, frozen_at: frozenAt, evidence, beacon }) {
  const [opens, closes, frozen] = [raffle.opens_at, raffle.closes_at, frozenAt].map(secondsOf);
  require(opens < closes && closes <= frozen, "the raffle was not open before it closed, or was frozen before that");
  const enough = evidence.gap_s >= 600 || beacon.chain_hash === TEST.chain_hash;
  require(enough, "less than 600 seconds are left between the evidence and the round");
}

function checkManifest(manifest) {
  const { entries, raffle, prizes, evidence } = manifest;
  const { weight, tickets } = entries;
  const given = manifest.weights === null ? [] : Object.values(manifest.weights);
  require(entries.owners <= entries.leaves && entries.leaves <= tickets, "there are more owners than entries, or than tickets");
  require(given.length > 0 === (raffle.algorithm === "WEIGHTED"), "weights belong to WEIGHTED draws alone");
  const each = raffle.algorithm === "RANDOM" ? entries.owners : tickets;
  const [low, high] = given.length > 0 ? [Math.min(...given) * each, Math.max(...given) * each] : [each, each];
  require(low <= weight && weight <= high && weight < 2 ** 41, "the total weight does not follow from the tickets");
  const inOrder = prizes.every((prize, at) => at === 0 || prizes[at - 1].rank < prize.rank);
  require(prizes.length > 0 && inOrder, "there is no prize, or they are not in the order of rank");
  require(isAscending(evidence.witnesses.map((witness) => witness.terminal)), "the witnesses are not in order");
  require(evidence.required || raffle.algorithm !== "PROVABLY_FAIR", "a PROVABLY_FAIR draw must require evidence");
  checkOrder(manifest);
  const { excluded } = manifest;
  const nobody = excluded.sha256 === hexOf(sha256(new Uint8Array(0)));
  const plausible = nobody === (excluded.entries === 0) && excluded.entries < 2 ** 41;
  require(plausible, "the number of those who were left out is not that of their list");
  return [good, `draw ${manifest.draw_number}, ${entries.leaves} entries, ${tickets} tickets: the numbers add up`];
}

async function checkHistory({ manifest, previous }) {
  const first = manifest.draw_number === 1;
  require((manifest.previous === null) === first && (previous === null) === first, "only the first draw has none before it");
  if (first) return [good, "this is the operator's first draw"];
  require(hexOf(sha256(canonical(previous.manifest))) === manifest.previous, "the draw before is another one");
  require(previous.manifest.draw_number === manifest.draw_number - 1, "a draw is missing in between");
  const later = secondsOf(previous.manifest.frozen_at) <= secondsOf(manifest.frozen_at);
  require(later, "the draw before was frozen after this one");
  await checkSignature(previous);
  return [good, `it follows draw ${manifest.draw_number - 1} directly`];
}

function checkChain(beacon, trusted) {
  require(beacon.period_s < 2 ** 32, "the beacon's period is too long");
  const name = beacon.id === "default" ? "" : beacon.id;
  const times = joined(bigEndian(4, beacon.period_s), bigEndian(8, beacon.genesis_time));
  const hash = sha256(joined(times, bytesOf(beacon.public_key), bytesOf(beacon.group_hash), name));
  require(hexOf(hash) === beacon.chain_hash, "the beacon's hash is not its own");
  const same = Object.keys(QUICKNET).every((field) => beacon[field] === trusted[field]);
  require(same, `the draw trusts the beacon ${beacon.id}, you trust ${trusted.id}`);
  return [good, `the beacon is ${beacon.id}, which you trust`];
}

function checkSchedule({ beacon, frozen_at: frozenAt, evidence }) {
  const due = beacon.genesis_time + beacon.period_s * (beacon.round - 1);
  require(due === secondsOf(beacon.round_at), "the round comes at another time than the manifest says");
  require(secondsOf(frozenAt) + evidence.gap_s <= due, "the list was frozen too near to the round");
  return [good, `frozen at ${frozenAt}, says the operator; the round came at ${beacon.round_at}`];
}

// --- The round, and what follows from it ---

const genuineRounds = new Set(); // what was found genuine stays so, and takes a tenth of a second to find

/** Points at infinity, and those outside of the group, are none of a signature's. */
function isRoundGenuine(publicKey, round, signature) {
  const name = `${publicKey} ${round} ${signature}`;
  if (genuineRounds.has(name)) return true;
  const { G1, G2, shortSignatures } = bls12_381;
  let genuine = false;
  try {
    const point = G1.Point.fromHex(signature);
    const key = G2.Point.fromHex(publicKey);
    point.assertValidity(); // in the group, and not at infinity
    key.assertValidity();
    const message = shortSignatures.hash(sha256(bigEndian(8, round)), DOMAIN);
    genuine = !point.is0() && !key.is0() && shortSignatures.verify(point, message, key);
  } catch {
    return false;
  }
  if (genuine) genuineRounds.add(name);
  return genuine;
}

function checkRound({ manifest, beacon }, trusted) {
  require(beacon.round === manifest.beacon.round, "another round was used than the manifest says");
  const genuine = isRoundGenuine(trusted.public_key, beacon.round, beacon.signature);
  require(genuine, "the beacon that you trust has not signed this round");
  require(hexOf(sha256(bytesOf(beacon.signature))) === beacon.randomness, "the randomness is not the round's");
  return [good, `the beacon has signed round ${beacon.round}`];
}

/** RFC 9162, section 2.1.3.2; null where the proof is too long or too short. */
function rootFrom(index, size, leaf, proof) {
  if (index >= size) return null;
  let [place, last, found] = [BigInt(index), BigInt(size - 1), sha256(joined([0], leaf))];
  for (const beside of proof.map(bytesOf)) {
    if (last === 0n) return null;
    if ((place & 1n) === 1n || place === last) {
      found = sha256(joined([1], beside, found));
      while ((place & 1n) === 0n && place !== 0n) [place, last] = [place >> 1n, last >> 1n];
    } else {
      found = sha256(joined([1], found, beside));
    }
    [place, last] = [place >> 1n, last >> 1n];
  }
  return last === 0n ? hexOf(found) : null;
}

/** A leaf of 54 bytes, possible by itself. `unit` is what one ticket of it weighs. */
function leafOf(manifest, index, data) {
  const [start, weight] = [integerOf(data.slice(45, 50)), integerOf(data.slice(50))];
  const source = Object.keys(SOURCES).find((name) => SOURCES[name] === data[0]);
  require(source !== undefined, `entry ${index} is of no known source`);
  const unit = manifest.weights === null ? 1 : (manifest.weights[source] ?? 0);
  const possible = manifest.raffle.algorithm === "RANDOM" ? weight <= 1 : weight > 0;
  require(unit > 0 && weight % unit === 0 && possible, `entry ${index} has an impossible weight`);
  return { index, entryHash: data.slice(1, 29), owner: hexOf(data.slice(29, 45)), start, end: start + weight, weight, unit };
}

function checkInList(manifest, { index, leaf, proof }) {
  const found = rootFrom(index, manifest.entries.leaves, bytesOf(leaf), proof);
  require(found === manifest.entries.root, `entry ${index} is not in the list that was frozen`);
  return leafOf(manifest, index, bytesOf(leaf));
}

/** Of two leaves that follow each other in a bundle. */
function checkNeighbours(entries, before, leaf) {
  const inOrder = leaf.index > before.index && order(leaf.entryHash, before.entryHash) > 0;
  require(inOrder, `entry ${leaf.index} is not in its order`);
  const beside = leaf.index === before.index + 1;
  const apart = beside ? leaf.start === before.end : leaf.start >= before.end;
  require(apart, `the range of entry ${leaf.index} overlaps the one before, or leaves a hole`);
  const ends = leaf.index === entries.leaves - 1 ? leaf.end === entries.weight : leaf.end <= entries.weight;
  require(ends, "the ranges end at another place than the manifest says");
}

const BEFORE_ALL = { index: -1, entryHash: new Uint8Array(0), end: 0 };

function checkLeaves({ manifest, leaves }) {
  let before = BEFORE_ALL;
  const owners = new Set();
  for (const given of leaves) {
    const leaf = checkInList(manifest, given);
    checkNeighbours(manifest.entries, before, leaf);
    require(manifest.raffle.algorithm !== "RANDOM" || !owners.has(leaf.owner), "one person has two chances");
    owners.add(leaf.owner);
    before = leaf;
  }
  return [good, `${leaves.length} entries that were drawn or skipped are in the list`];
}

/** The tree of RFC 9162, section 2.1.1, level by level. */
function rootOver(hashes) {
  let level = hashes;
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at < level.length; at += 2) {
      above.push(at + 1 < level.length ? sha256(joined([1], level[at], level[at + 1])) : level[at]);
    }
    level = above;
  }
  return hexOf(level[0]);
}

/** All leaves: each point belongs to one entry and no other, which no proof of a single leaf can show. */
function checkList({ manifest, leaves }, data) {
  if (data === undefined) return [notChecked, "give the whole list: without it two entries may have one range"];
  const { entries } = manifest;
  const random = manifest.raffle.algorithm === "RANDOM";
  const size = data.length / LEAF_BYTES;
  require(size === entries.leaves, `the list has ${size} entries, not ${entries.leaves}`);
  require(hexOf(sha256(data)) === entries.list_sha256, "the list is not the one that was frozen");
  const [owners, hashes] = [new Set(), []];
  let [before, tickets] = [BEFORE_ALL, 0];
  for (let index = 0; index < entries.leaves; index++) {
    const bytesOfLeaf = data.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
    const leaf = leafOf(manifest, index, bytesOfLeaf);
    checkNeighbours(entries, before, leaf);
    const right = !random || leaf.weight === (owners.has(leaf.owner) ? 0 : 1);
    require(right, "one person has two chances, or none");
    owners.add(leaf.owner);
    tickets += leaf.weight / leaf.unit;
    hashes.push(sha256(joined([0], bytesOfLeaf)));
    before = leaf;
  }
  require(rootOver(hashes) === entries.root, "the list has another root");
  require(owners.size === entries.owners, `the list has ${owners.size} owners, not ${entries.owners}`);
  require(random || tickets === entries.tickets, `the list has ${tickets} tickets, not ${entries.tickets}`);
  const same = leaves.every(
    ({ index, leaf }) => hexOf(data.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES)) === leaf,
  );
  require(same, "the list has other entries than those that are shown");
  return [good, `the whole list is the one that was frozen: ${owners.size} owners`];
}

const leavesOf = ({ manifest, leaves }) => leaves.map(({ index, leaf }) => leafOf(manifest, index, bytesOf(leaf)));

function checkOpening({ raffle }, leaf, { issuance_id: issuanceId, numbers }) {
  require(numbers.length > 0 && isAscending(numbers), "ticket numbers are not in order, or twice");
  const entry = joined("gasolinera-entry-1", [0, raffle.code.length], raffle.code, bytesOf(issuanceId));
  const hash = sha256(joined(entry, bigEndian(4, numbers.length), numbers.join(""))).slice(0, 28);
  require(order(hash, leaf.entryHash) === 0, "an entry has other tickets than those that are shown");
  const enough = raffle.algorithm === "RANDOM" || numbers.length * leaf.unit === leaf.weight;
  require(enough, "an entry weighs more or less than its tickets");
}

function checkOpenings(bundle) {
  const leaves = new Map(leavesOf(bundle).map((leaf) => [leaf.index, leaf]));
  const wanted = [...new Set(bundle.positions.map((position) => position.index))].sort((left, right) => left - right);
  const shown = bundle.openings.map((opening) => opening.index);
  const same = shown.length === wanted.length && wanted.every((index, at) => index === shown[at] && leaves.has(index));
  require(same, "the entries that are shown are not those that were drawn");
  for (const opening of bundle.openings) checkOpening(bundle.manifest, leaves.get(opening.index), opening);
  return [good, `the tickets of ${wanted.length} drawn entries are those of the list`];
}

function* rolesOf({ prizes }) {
  for (const { rank, quantity } of prizes) {
    for (let unit = 1; unit <= quantity; unit++) yield { role: "PRIZE", rank, unit };
  }
  for (;;) yield { role: "ALTERNATE", rank: null, unit: null };
}

function leafAt(leaves, point) {
  let [low, high] = [0, leaves.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (leaves[middle].end <= point) low = middle + 1;
    else high = middle;
  }
  require(low < leaves.length && leaves[low].start <= point, `the entry at ${point}, which was drawn, is not shown`);
  return leaves[low];
}

/** The positions as they follow from the round, the indexes that were pointed to, and how many blocks were read. */
function drawAgain(bundle) {
  const { manifest } = bundle;
  const { entries, one_prize_per_owner: once } = manifest;
  const leaves = leavesOf(bundle);
  const numbers = new Map(bundle.openings.map((opening) => [opening.index, opening.numbers]));
  const units = manifest.prizes.reduce((sum, prize) => sum + prize.quantity, 0);
  const capacity = manifest.raffle.algorithm === "RANDOM" ? entries.weight : entries.tickets;
  const sought = Math.min(units + manifest.alternates, once ? entries.owners : capacity);
  // Before anything is drawn: a bundle of a few bytes may promise more than a computer counts.
  const [given, end] = [bundle.positions.length, 100_001 + 20 * sought];
  const possible = given === sought || (given < sought && bundle.blocks === end);
  require(possible, `there are ${given} positions, not ${sought}`);
  require(bundle.blocks <= Math.min(end, 500_000 + 20 * given), `no draw reads ${bundle.blocks} blocks for them`);
  const seed = sha256(joined("gasolinera-draw-seed-1", [0], bytesOf(bundle.beacon.randomness), sha256(canonical(manifest))));
  const total = BigInt(entries.weight);
  const limit = (2n ** 256n / total) * total;
  const roles = rolesOf(manifest);
  const [positions, pointed, tickets, owners] = [[], new Set(), new Set(), new Set()];
  let block = 0;
  while (positions.length < sought && block < end) {
    const value = BigInt(`0x${hexOf(sha256(joined("gasolinera-draw-pick-1", [0], seed, bigEndian(8, block))))}`);
    block += 1;
    if (value >= limit) continue;
    const point = Number(value % total);
    const leaf = leafAt(leaves, point);
    const ticket = Math.floor((point - leaf.start) / leaf.unit);
    pointed.add(leaf.index);
    if (tickets.has(`${leaf.index}/${ticket}`) || (once && owners.has(leaf.owner))) continue;
    tickets.add(`${leaf.index}/${ticket}`);
    owners.add(leaf.owner);
    const number = numbers.get(leaf.index)?.[ticket];
    require(number !== undefined, `the ticket at ${point}, which was drawn, is not shown`);
    const position = positions.length + 1;
    positions.push({ position, block: block - 1, point, index: leaf.index, ticket: number, ...roles.next().value });
  }
  return { positions, pointed, blocks: block };
}

function checkSelection(bundle) {
  const { positions, pointed, blocks } = drawAgain(bundle);
  const given = bundle.positions;
  for (const [at, right] of positions.slice(0, given.length).entries()) {
    const same = canonicalText(right) === canonicalText(given[at]);
    require(same, `position ${right.position} is ${given[at].ticket}, the round says ${right.ticket}`);
  }
  require(positions.length === given.length, `there are ${given.length} positions, not ${positions.length}`);
  const consulted = pointed.size === bundle.leaves.length && bundle.leaves.every((leaf) => pointed.has(leaf.index));
  require(consulted, "entries are shown that were not drawn");
  require(blocks === bundle.blocks, `${blocks} blocks are read, not ${bundle.blocks}`);
  const prizes = positions.filter((position) => position.role === "PRIZE").length;
  return [good, `${prizes} prizes and ${positions.length - prizes} alternates follow from the round, in this order`];
}

// --- Who besides the operator says that the list was frozen before ---

function checkTimestamps(hash, timestamps) {
  if (timestamps.length === 0) return [none, "there is no timestamp"];
  const imprint = `0420${hexOf(hash)}`;
  require(timestamps.every(({ token }) => token.includes(imprint)), "a timestamp is over something else");
  return [notChecked, `${timestamps.length} not checked: this verifier knows no authorities`];
}

/** All must have signed; those count whose keys the user has from elsewhere than the manifest. */
async function checkWitnesses(manifest, hash, witnesses, trusted, deadline) {
  const keys = new Map(manifest.evidence.witnesses.map((witness) => [witness.terminal, witness.public_key]));
  require(isAscending(witnesses.map((witness) => witness.terminal)), "the witnesses are not in order, or one is there twice");
  const early = new Set();
  for (const { terminal, signed_at: signedAt, signature } of witnesses) {
    const when = secondsOf(signedAt);
    const message = joined("gasolinera-draw-witness-1", [0], hash, bigEndian(8, when));
    const key = keys.get(terminal);
    const signed = key !== undefined && (await isSigned(key, message, signature));
    require(signed, `${terminal} has not signed this manifest`);
    if (when < deadline) early.add(key);
  }
  const quorum = Math.max(1, manifest.evidence.quorum);
  const known = [...early].filter((key) => trusted.includes(key)).length;
  const words = `${early.size} terminals have signed in time, ${known} of them with a key that you name, ${quorum} are needed`;
  if (known >= quorum) return [held, words];
  if (early.size >= quorum) return [notChecked, `${words}: the other keys are the operator's word`];
  return [witnesses.length === 0 ? none : notHeld, words];
}

function checkKept(hash, kept) {
  if (kept === undefined) return [none, "you name no manifest that you kept"];
  require(kept === hexOf(hash), "the manifest that you kept is another one");
  return [held, "it is the manifest that you kept"];
}

function readProof(data) {
  const printed = data.at(-1) === 10; // a line feed at the end, as a terminal wants it
  return read(printed ? data.slice(0, -1) : data, INCLUSION);
}

/** That an entry, which its holder has the proof of, took part in this draw. */
async function checkProof(manifest, data) {
  const proof = readProof(data);
  require(canonicalText(proof.manifest) === canonicalText(manifest), "the proof is about another draw");
  await checkSignature(proof);
  const leaf = checkInList(manifest, proof);
  if (proof.opening === null) return [good, `entry ${leaf.index} took part`];
  checkOpening(manifest, leaf, proof.opening);
  return [good, `entry ${leaf.index} took part with ${proof.opening.numbers.length} tickets`];
}

/** That the operator has signed the receipt, and that it is of the proof's entry. */
async function checkReceipt(proof, data) {
  let given;
  try {
    given = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (error) {
    throw new Refusal(`it is no receipt: ${error.message}`);
  }
  require(fits(RECEIPT, given), "it is no receipt of an entry");
  const { receipt, signature } = given;
  const message = joined(receipt.format, [0], canonical(receipt));
  const signed = await isSigned(receipt.operator.public_key, message, signature);
  require(signed, "the receipt's signature is wrong");
  require(receipt.raffle === proof.manifest.raffle.code, "the receipt is of another raffle");
  const leaf = leafOf(proof.manifest, proof.index, bytesOf(proof.leaf));
  require(hexOf(leaf.entryHash) === receipt.entry_hash, "the receipt is of another entry than the proof");
  return [good, `the receipt's ${receipt.numbers.length} tickets are those of entry ${leaf.index}`];
}

// --- All of it ---

/** Runs checks one after the other, and tells each as it is done. */
function checklist(told) {
  const checks = [];
  const add = async (check) => {
    checks.push(check);
    await told?.(check);
  };
  const run = async (name, check) => {
    let found;
    try {
      found = await check();
    } catch (error) {
      // Whatever a strange document leads to, it is not good.
      found = [bad, error instanceof Refusal ? error.message : `it cannot be checked: ${error}`];
    }
    const [outcome, words] = found;
    await add({ name, outcome, words });
  };
  return { checks, add, run };
}

/** What a drand node says at /{chain hash}/info, as a chain to trust. */
export function chainOf(info) {
  return {
    scheme: info.schemeID,
    id: info.metadata.beaconID,
    chain_hash: info.hash,
    group_hash: info.groupHash,
    public_key: info.public_key,
    genesis_time: info.genesis_time,
    period_s: info.period,
  };
}

/**
 * Verifies a proof, the bytes of a file, without the draw's bundle: that an entry is in the list that was frozen.
 *
 * Options: `receipt`: the bytes of the entry's receipt; `operatorKeys`, `told` as of `verifyDraw`. Gives whether it is
 * good, the manifest's hash, and the checks in order.
 */
export async function verifyProof(data, options = {}) {
  const { receipt, operatorKeys = [], told } = options;
  const { checks, run } = checklist(told);
  let proof;
  await run("format", () => {
    proof = readProof(data);
    return [good, "the proof is in the one form that it may have"];
  });
  if (proof === undefined) return { isGood: false, checks };
  await run("signature", () => checkSignature(proof));
  await run("operator-key", () => checkKey(proof.manifest, operatorKeys));
  await run("manifest", () => checkManifest(proof.manifest));
  await run("proof", () => checkProof(proof.manifest, data));
  if (receipt !== undefined) await run("receipt", () => checkReceipt(proof, receipt));
  const isGood = checks.every(({ outcome }) => outcome !== bad);
  return { isGood, manifestHash: hexOf(sha256(canonical(proof.manifest))), checks };
}

/**
 * Verifies a bundle, the bytes of a file.
 *
 * Options: `entries`: the bytes of the whole list, without which no draw is verified; `chain` to trust instead of
 * quicknet; in hexadecimal `keptManifest`, and the lists `operatorKeys` and `witnessKeys`, of terminals whose word counts;
 * `proof`: the bytes of an inclusion proof; `told`: called with each check when it is done, and waited for. Gives the
 * verdict (`verified`, `consistent`, `refused`), the exit code of the format, the manifest's hash where the bundle has one,
 * and the checks in order: each with its `name`, its `outcome` and `words`.
 */
export async function verifyDraw(data, options = {}) {
  const { entries, chain = QUICKNET, operatorKeys = [], witnessKeys = [], keptManifest, proof, told } = options;
  const { checks, add, run } = checklist(told);
  const result = (verdict, exitCode, manifestHash) => ({ verdict, exitCode, checks, manifestHash });

  let bundle;
  await run("format", () => {
    bundle = read(data, BUNDLE);
    return [good, "the bundle is in the one form that it may have"];
  });
  if (bundle === undefined) return result("refused", 1);
  const { manifest, evidence } = bundle;
  const hash = sha256(canonical(manifest));
  const deadline = secondsOf(manifest.beacon.round_at) - manifest.evidence.gap_s;
  await run("signature", () => checkSignature(bundle));
  await run("seal", () => checkSeal(bundle));
  await run("operator-key", () => checkKey(manifest, operatorKeys));
  await run("manifest", () => checkManifest(manifest));
  await run("history", () => checkHistory(bundle));
  await run("chain", () => checkChain(manifest.beacon, chain));
  await run("schedule", () => checkSchedule(manifest));
  await run("round", () => checkRound(bundle, chain));
  await run("leaves", () => checkLeaves(bundle));
  await run("list", () => checkList(bundle, entries));
  await run("openings", () => checkOpenings(bundle));
  await run("selection", () => checkSelection(bundle));
  await run("timestamps", () => checkTimestamps(hash, evidence.timestamps));
  await run("witnesses", () => checkWitnesses(manifest, hash, evidence.witnesses, witnessKeys, deadline));
  await run("kept-manifest", () => checkKept(hash, keptManifest));
  const holding = checks.filter((check) => check.outcome === held).map((check) => check.name);
  const others = checks.filter(({ name }) => name === "timestamps" || name === "witnesses");
  const unchecked = others.some(({ outcome }) => outcome === notChecked); // it proves nothing, nor the opposite
  const missing = manifest.evidence.required ? bad : none;
  const nothing = unchecked
    ? "not proven: witnesses' keys must be named; timestamps need a verifier that knows their authority"
    : "nothing besides the operator's word says when the list was frozen";
  await add({
    name: "evidence",
    outcome: holding.length > 0 ? held : unchecked ? notChecked : missing,
    words: holding.join(", ") || nothing,
  });
  if (proof !== undefined) await run("proof", () => checkProof(manifest, proof));
  const named = hexOf(hash);
  if (checks.some((check) => check.outcome === bad)) return result("refused", 1, named);
  const whole = checks.some(({ name, outcome }) => name === "list" && outcome === good);
  return whole && holding.length > 0 ? result("verified", 0, named) : result("consistent", 3, named);
}
