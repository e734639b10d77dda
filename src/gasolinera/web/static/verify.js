// Verifies the draw whose files are dropped here. They are read in this page; nothing of them is sent.
const form = document.getElementById("verify");
const words = form.dataset;
const byId = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("#checks [data-check]")];
const given = { files: new Map() };
const KINDS = {
  "gasolinera-draw-bundle-1": "bundle",
  "gasolinera-inclusion-1": "proof",
  "gasolinera-draw-manifest-1": "manifest",
};
const TONES = { good: "good", held: "good", bad: "bad", "not held": "warn", "not checked": "warn", none: "quiet" };
const LEAF_BYTES = 54;
let loading;

function verifier() {
  loading ??= import("./verify_draw.mjs").catch((error) => {
    loading = undefined; // asked for again the next time
    throw error;
  });
  return loading;
}

const paint = () => new Promise((done) => setTimeout(done));
const say = (text) => (byId("status").textContent = text);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function documentOf(data) {
  if (data[0] !== 123) return null; // no brace: it is no JSON of ours
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return null;
  }
}

function kindOf(data) {
  const found = documentOf(data);
  if (found === null) return data.length > 0 && data.length % LEAF_BYTES === 0 ? "list" : "unknown";
  if (found.receipt) return "receipt";
  if (found.schemeID && found.groupHash) return "chain";
  return KINDS[found.format] ?? "unknown";
}

async function hashOf(data) {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", data)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function take(name, data) {
  verifier().catch(() => {}); // it is there when it is asked to run
  const kind = kindOf(data);
  given.files.set(kind, { name, data });
  if (kind === "manifest") byId("kept").value = await hashOf(data);
  if (kind === "chain") byId("beacon").value = "other";
  if (kind === "manifest" || kind === "chain") byId("stronger").open = true;
  byId("chosen").replaceChildren(
    ...[...given.files].map(([of, file]) => {
      const line = document.createElement("li");
      const mark = document.createElement("span");
      mark.className = `badge ${of === "unknown" || of === "receipt" ? "warn" : "good"}`;
      mark.textContent = words[`kind${of[0].toUpperCase()}${of.slice(1)}`];
      line.append(mark, ` ${file.name}`);
      return line;
    }),
  );
}

let reading = Promise.resolve(); // files that are read already, and those that are not yet

function takeFiles(files) {
  clear(); // what was said is about other files
  const chosen = [...files];
  reading = reading.then(() => readFiles(chosen)).catch(() => say(words.kindUnknown));
}

async function readFiles(files) {
  for (const file of files) await take(file.name, new Uint8Array(await file.arrayBuffer()));
  say(given.files.has("bundle") ? (given.files.has("list") ? "" : words.noList) : words.noBundle);
}

/** The lines of a field, each a hash or a key; null where one is neither. */
function hexLines(id) {
  const lines = byId(id).value.toLowerCase().split(/\s+/).filter(Boolean);
  const right = lines.every((line) => /^[0-9a-f]{64}$/.test(line));
  byId(id).setAttribute("aria-invalid", String(!right));
  byId(`${id}-error`).textContent = right ? "" : words.wrongHex;
  return right ? lines : null;
}

function clear() {
  for (const id of ["verdict", "progress", "unloaded"]) byId(id).hidden = true;
  for (const row of rows) {
    row.className = "";
    row.querySelector(".badge").hidden = true;
    row.querySelector("details")?.remove();
    const why = row.querySelector(".why");
    why.dataset.good ??= why.textContent;
    why.textContent = why.dataset.good;
  }
}

function show({ name, outcome, words: said }) {
  const row = rows.find((one) => one.dataset.check === name);
  const badge = row.querySelector(".badge");
  const texts = byId("checks").dataset;
  badge.textContent = texts[outcome.replace(/ (\w)/, (_, letter) => letter.toUpperCase())];
  badge.className = `badge ${TONES[outcome]}`;
  badge.hidden = false;
  if (outcome === "bad") {
    row.className = "bad";
    row.querySelector(".why").textContent = row.dataset.whyBad;
  }
  if (outcome === "good") return;
  const detail = document.createElement("details");
  const head = document.createElement("summary");
  head.textContent = texts.detail;
  const text = document.createElement("p");
  text.lang = "en";
  text.textContent = said;
  detail.append(head, text);
  row.append(detail);
}

function conclude({ verdict, manifestHash }, data, isRehearsal) {
  const box = byId("verdict");
  const { title, text } = document.querySelector(`template[data-verdict="${verdict}"]`).dataset;
  box.className = verdict;
  box.querySelector("h2").textContent = title;
  box.querySelector(".text").textContent = text;
  box.querySelector(".rehearsal").hidden = !isRehearsal || verdict === "refused";
  const manifest = documentOf(data)?.manifest;
  const about = (name, value) => (box.querySelector(`[data-about="${name}"]`).textContent = value ?? "–");
  const number = new Intl.NumberFormat(document.documentElement.lang);
  about("raffle", manifest?.raffle && `${manifest.raffle.name} (${manifest.raffle.code})`);
  about("number", manifest?.draw_number);
  about("entries", manifest?.entries && `${number.format(manifest.entries.leaves)} · ${number.format(manifest.entries.tickets)}`);
  about("hash", manifestHash);
  box.hidden = false;
  box.focus();
}

async function run(event) {
  event.preventDefault();
  clear();
  await reading;
  const bundle = given.files.get("bundle");
  const [kept, witnessKeys, operatorKeys] = ["kept", "witness-keys", "operator-keys"].map(hexLines);
  if (kept === null || witnessKeys === null || operatorKeys === null) {
    byId("stronger").open = true;
    form.querySelector('[aria-invalid="true"]').focus();
    return;
  }
  if (!bundle) {
    say(words.noBundle);
    byId("files").focus();
    return;
  }
  const button = byId("run");
  const progress = byId("progress");
  button.disabled = true;
  let found;
  try {
    found = await verifier();
  } catch {
    byId("unloaded").hidden = false;
    button.disabled = false;
    return;
  }
  try {
    const { verifyDraw, chainOf, QUICKNET, TEST } = found;
    const asked = byId("beacon").value;
    const other = given.files.get("chain");
    const chain = asked === "test" ? TEST : asked === "other" && other ? chainOf(documentOf(other.data)) : QUICKNET;
    if (chain === QUICKNET && documentOf(bundle.data)?.manifest?.beacon?.id === TEST.id) {
      byId("stronger").open = true;
      byId("beacon").focus();
      say(words.isRehearsal);
      return;
    }
    progress.hidden = false;
    const all = rows.length - (given.files.has("proof") ? 0 : 1);
    let done = 0;
    progress.max = all;
    const told = async (check) => {
      show(check);
      progress.value = ++done;
      say(filled(words.working, { n: done, all }));
      await paint();
    };
    await paint();
    const began = performance.now();
    const result = await verifyDraw(bundle.data, {
      entries: given.files.get("list")?.data,
      proof: given.files.get("proof")?.data,
      keptManifest: kept[0],
      chain,
      witnessKeys,
      operatorKeys,
      told,
    });
    const took = Math.round(performance.now() - began);
    conclude(result, bundle.data, chain === TEST);
    byId("verdict").dataset.took = took;
    say(filled(words.took, { ms: new Intl.NumberFormat(document.documentElement.lang).format(took) }));
  } catch {
    say(words.kindUnknown);
  } finally {
    button.disabled = false;
  }
}

async function takeOwn() {
  clear();
  say(words.taking);
  byId("take").disabled = true;
  try {
    for (const [part, name] of [["bundle", "bundle.json"], ["list", "list.bin"]]) {
      const answer = await fetch(`/fairness/${words.code}/${part}`);
      if (!answer.ok) throw new Error(part);
      await take(name, new Uint8Array(await answer.arrayBuffer()));
    }
    say("");
  } catch {
    say(words.takeFailed);
  }
  byId("take").disabled = false;
}

const drop = byId("drop");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  takeFiles(event.dataTransfer.files);
});
byId("files").addEventListener("change", (event) => {
  takeFiles(event.target.files);
  event.target.value = ""; // a file of the same name may be chosen again, and be another one by then
});
byId("take")?.addEventListener("click", takeOwn);
byId("beacon").addEventListener("change", (event) => (byId("rehearsal").hidden = event.target.value !== "test"));
form.addEventListener("submit", run);
form.hidden = false;
