// The code of a coupon while it is looked at: renewed with its countdown, on a screen that stays awake, as big as it gets.

const card = document.getElementById("card");
const picture = document.getElementById("code");
const root = document.documentElement;
const progress = card.querySelector("progress");
const left = document.getElementById("left");
const away = document.getElementById("away");
const RETRY_S = 5;

let good = Number(card.dataset.refreshAfter);
let drawnAt = root.dataset.offline ?? card.dataset.at;
let since = performance.now();
let isAsking = false;

function show(seconds) {
  progress.max = good;
  progress.value = seconds;
  left.textContent = String(seconds);
}

function sayAway() {
  const when = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(drawnAt));
  const text = away.dataset.text.replace("{when}", when);
  if (away.textContent !== text) away.textContent = text;
  away.hidden = false;
  document.getElementById("countdown").hidden = true;
}

async function renew() {
  if (isAsking) return;
  isAsking = true;
  try {
    const answer = await fetch(card.dataset.now, { cache: "no-store" });
    if (answer.status >= 500 || answer.status === 429) throw new Error("later");
    // Used, withdrawn or logged out meanwhile: the page says what it is now.
    if (!answer.ok || answer.redirected) return location.reload();
    const code = await answer.json();
    const drawn = new DOMParser().parseFromString(code.svg, "image/svg+xml").documentElement;
    picture.replaceChildren(document.importNode(drawn, true));
    [drawnAt, good, since] = [code.at, code.refresh_after_s, performance.now()];
    away.hidden = true;
    document.getElementById("countdown").hidden = false;
  } catch {
    since = performance.now() - (good - RETRY_S) * 1000;
    sayAway();
  } finally {
    isAsking = false;
  }
}

function tick() {
  if (document.hidden) return;
  const seconds = Math.max(0, Math.ceil(good - (performance.now() - since) / 1000));
  show(seconds);
  if (seconds === 0) renew();
}

async function stayAwake() {
  if (!document.hidden) await navigator.wakeLock?.request("screen").catch(() => undefined);
}

const full = document.getElementById("full");

function sayFull() {
  const isFull = document.fullscreenElement !== null || card.classList.contains("whole");
  full.textContent = isFull ? full.dataset.end : full.dataset.begin;
}

// Some phones let no page fill the screen: then it fills the window.
function fillWindow(isFull) {
  card.classList.toggle("whole", isFull);
  sayFull();
}

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (card.classList.contains("whole")) fillWindow(false);
  else if (card.requestFullscreen) card.requestFullscreen().catch(() => fillWindow(true));
  else fillWindow(true);
}

full.hidden = false;
full.addEventListener("click", fill);
document.addEventListener("fullscreenchange", sayFull);
document.addEventListener("keydown", (event) => event.key === "Escape" && fillWindow(false));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    stayAwake();
    tick();
  }
});
if (root.dataset.offline) {
  sayAway();
  addEventListener("online", renew);
}
stayAwake();
tick();
setInterval(tick, 1000);
