// Checks in this browser that an entry is in the frozen list: the proof and the receipt are fetched, nothing is sent.
const list = document.getElementById("entries");

async function bytes(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return new Uint8Array(await answer.arrayBuffer());
}

function line(kind, text) {
  const made = document.createElement("p");
  made.className = kind;
  made.textContent = text;
  return made;
}

/** The hash of the manifest, and what the checks said where one of them is bad. */
function details({ manifestHash, checks, isGood }) {
  const made = document.createElement("details");
  const head = document.createElement("summary");
  head.textContent = isGood ? list.dataset.hash : list.dataset.detail;
  made.append(head);
  if (manifestHash) {
    const hash = document.createElement("code");
    hash.className = "hash";
    hash.textContent = manifestHash;
    made.append(hash);
  }
  for (const { name, outcome, words } of isGood ? [] : checks) {
    if (outcome !== "bad") continue;
    const said = line("quiet", `${name}: ${words}`);
    said.lang = "en";
    made.append(said);
  }
  return made;
}

async function check(button) {
  const result = button.closest("li").querySelector(".result");
  button.disabled = true;
  result.replaceChildren(line("quiet", list.dataset.wait));
  try {
    const [proof, receipt, { verifyProof }] = await Promise.all([
      bytes(button.dataset.proof),
      bytes(button.dataset.receipt),
      import("./verify_draw.mjs"),
    ]);
    const said = await verifyProof(proof, { receipt });
    result.replaceChildren(line(said.isGood ? "good" : "bad", said.isGood ? list.dataset.good : list.dataset.bad), details(said));
  } catch {
    result.replaceChildren(line("bad", list.dataset.broken));
  }
  button.disabled = false;
}

for (const button of list?.querySelectorAll("button[data-proof]") ?? []) {
  button.hidden = false;
  button.addEventListener("click", () => check(button));
}
