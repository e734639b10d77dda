// What this employee keeps in this browser: shown with its state, and sent one by one as soon as there is a connection.
import { forget, keep, waiting } from "./till-queue.js";

const EVERY_MS = 20_000;
const part = document.querySelector("[data-queue]");
const find = (name) => part.querySelector(`[data-${name}]`);
const words = part.dataset;
const token = document.querySelector('meta[name="form-token"]').content;
const time = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
// As the server takes them: what it would refuse for its shape is not kept until then.
const SHAPES = {
  code: /^[0-9a-tv-z]{13}$/i,
  fuel_type: /./,
  amount: /^(?=.*[1-9])\d{1,7}([.,]\d{1,2})?$/,
  dispenser_code: /^[a-z0-9-]{1,20}$/i,
};
const BETWEEN = /[\s\u2010-\u2014\u2212-]/g; // what people put between the groups of a code
const FAULTS = { code: words.wrongCode, fuel_type: words.wrongFuel, amount: words.wrongAmount, dispenser_code: words.wrongPump };
const form = part.querySelector("form");
let sending = false;
let mended = null; // the entry whose fields are in the form

function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function element(name, text, ...classes) {
  const made = document.createElement(name);
  made.textContent = text;
  made.classList.add(...classes);
  return made;
}

function shown(entry) {
  const item = document.createElement("li");
  const tone = { done: "good", refused: "bad" }[entry.state] ?? "warn";
  item.append(element("h3", `${entry.fields.code} · ${entry.fields.amount} · ${entry.fields.dispenser_code}`));
  item.append(element("p", time.format(entry.at), "quiet"));
  item.append(element("p", entry.text, "notice", tone));
  const acts = element("p", "", "acts");
  if (entry.href) {
    const link = element("a", words.receipt, "button");
    link.href = entry.href;
    acts.append(link);
  }
  // What was sent may have got there though no answer came: only what was refused, or never sent, is written anew.
  if (entry.state === "refused" || (entry.state === "waiting" && !entry.tried)) {
    const mend = element("button", words.mend);
    mend.type = "button";
    mend.addEventListener("click", () => fillIn(entry));
    acts.append(mend);
  }
  const button = element("button", words.forget);
  button.type = "button";
  button.addEventListener("click", async () => {
    // What was not sent is gone for good: it asks.
    if (entry.state === "waiting" && !confirm(words.ask)) return;
    await forget(entry.key);
    await show();
  });
  acts.append(button);
  item.append(acts);
  return item;
}

async function show() {
  const entries = await waiting(words.employee);
  find("list").replaceChildren(...entries.map(shown));
  find("empty").hidden = entries.length > 0;
  find("act").hidden = !entries.some((entry) => entry.state === "waiting");
  const badge = find("connection");
  badge.textContent = navigator.onLine ? words.online : words.offline;
  badge.className = `badge ${navigator.onLine ? "good" : "bad"}`;
  badge.dataset.connection = "";
}

async function send(entry) {
  const body = new URLSearchParams({ ...entry.fields, key: entry.key, token });
  let response;
  try {
    response = await fetch(words.send, { method: "POST", keepalive: true, body, headers: { "x-form-token": token, accept: "application/json" } });
  } catch {
    return { state: "waiting", text: words.noConnection };
  }
  if (response.status === 401 || response.status === 403) return { state: "waiting", text: words.noLogin };
  if (!response.ok) return { state: "waiting", text: words.noConnection };
  const answer = await response.json();
  return { state: answer.state === "again" ? "waiting" : answer.state, text: answer.text, href: answer.href };
}

async function sendAll() {
  if (sending) return;
  sending = true;
  try {
    for (const entry of await waiting(words.employee)) {
      if (entry.state !== "waiting" || entry.key === mended?.key) continue;
      if (!navigator.onLine) {
        await keep({ ...entry, text: words.noConnection });
        continue;
      }
      await keep({ ...entry, text: words.sending, tried: true });
      await show();
      const told = await send(entry);
      await keep({ ...entry, ...told, tried: true });
      find("status").textContent = told.text;
    }
  } finally {
    sending = false;
    await show();
  }
}

function fillIn(entry) {
  mended = entry;
  for (const [name, value] of Object.entries(entry.fields)) form.elements.namedItem(name).value = value;
  tellFaults([]);
  form.elements.namedItem("code").focus();
}

function tellFaults(names) {
  for (const name of Object.keys(SHAPES)) {
    const field = form.querySelector(`#${name}`);
    const box = field.closest(".field");
    box.querySelector(".error")?.remove();
    box.classList.toggle("wrong", names.includes(name));
    field.removeAttribute("aria-invalid");
    const hint = box.querySelector(".hint")?.id ?? "";
    field.setAttribute("aria-describedby", hint);
    if (!names.includes(name)) continue;
    const told = element("p", FAULTS[name], "error");
    told.id = `${name}-error`;
    box.querySelector("input[type=text], .ticks").before(told);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", `${hint} ${told.id}`.trim());
  }
  if (names.length) form.querySelector(`#${names[0]}`).focus();
}

form.noValidate = true; // a field says itself what is wrong in it, in the words of this page
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const fields = Object.fromEntries(Object.keys(SHAPES).map((name) => [name, (given.get(name) ?? "").trim()]));
  fields.code = fields.code.replace(BETWEEN, "");
  const wrong = Object.keys(SHAPES).filter((name) => !SHAPES[name].test(fields[name]));
  tellFaults(wrong);
  if (wrong.length) return;
  // What was refused is over under its key; what was never sent keeps its own.
  const isKept = mended?.state === "waiting";
  if (mended && !isKept) await forget(mended.key);
  await keep({ key: isKept ? mended.key : key(), at: Date.now(), employee: words.employee, fields, state: "waiting", text: words.waiting });
  mended = null;
  form.reset();
  await show();
  await sendAll();
});

find("now").addEventListener("click", sendAll);
addEventListener("online", sendAll);
addEventListener("offline", show);
setInterval(sendAll, EVERY_MS);
part.hidden = false;
await show();
await sendAll();
