// The wallet and the till without a connection. What it keeps belongs to one session: it is named by what the page says
// of it, and all of it goes when somebody logs in or out, or when a page of another session comes.

const OF_SESSION = "wallet-";
const FILES = "files";
const AWAY = "/offline";
const LIST = "/wallet";
const OLDEST_MS = 7 * 86_400_000; // a session of pages lasts no longer
const FRESH_MS = 3_600_000;
const PATIENCE_MS = 6_000; // then what is at hand is better than a blank page
const DOORS = /^\/(login|logout|register|me\/privacy\/erase)(\/|$)/;
const TILL = "/till/offline";
const KEPT = /^\/(wallet(\/[0-9A-Z]{13})?|till\/offline)$/;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.method !== "GET") {
    if (DOORS.test(pathname)) event.waitUntil(forget());
  } else if (pathname.startsWith("/static/")) {
    event.respondWith(file(request));
  } else if (request.mode === "navigate") {
    if (DOORS.test(pathname)) event.waitUntil(forget());
    event.respondWith(KEPT.test(pathname) ? ownPage(request, pathname) : otherPage(request, pathname));
  }
});

self.addEventListener("message", (event) => {
  const asked = event.data;
  if (asked?.kind === "keep") event.waitUntil(keepAll(asked));
  if (asked?.kind === "forget") event.waitUntil(forget());
});

async function file(request) {
  const known = await caches.match(request, { cacheName: FILES });
  return known ?? fetch(request);
}

async function otherPage(request, path) {
  try {
    return await fetch(request);
  } catch {
    const name = await cacheOfSession();
    const till = path.startsWith("/till") && path !== TILL ? await keptPage(TILL) : undefined;
    if (till) return till; // it stands in for the others of the till
    return (name && (await caches.match(AWAY, { cacheName: name }))) || Response.error();
  }
}

async function ownPage(request, path) {
  const { search } = new URL(request.url);
  // Of the lists, the one without filters is kept, and it answers for no other.
  const kept = path === LIST && search ? undefined : keptPage(path);
  try {
    const answer = await patiently(fetch(request), kept);
    if (answer.type === "opaqueredirect") await forget(); // to the login: the session is over
    if (answer.status === 404) await drop(path);
    if (answer.status >= 502 && (await kept)) return await kept;
    if (answer.ok && !search) await keep(path, answer.clone());
    return answer;
  } catch {
    return (await kept) ?? otherPage(request, path);
  }
}

// The answer, or an error once it takes too long and something is at hand.
function patiently(answer, kept) {
  return new Promise((resolve, reject) => {
    answer.then(resolve, reject);
    setTimeout(async () => (await kept) && reject(new Error("too slow")), PATIENCE_MS);
  });
}

async function cacheOfSession() {
  return (await caches.keys()).find((name) => name.startsWith(OF_SESSION));
}

async function keptPage(path) {
  const name = await cacheOfSession();
  const found = name && (await caches.match(path, { cacheName: name }));
  if (!found) return undefined;
  const at = found.headers.get("x-wallet-at");
  if (!(Date.now() - Date.parse(at) < OLDEST_MS)) {
    await forget();
    return undefined;
  }
  const text = (await found.text()).replace("<html", `<html data-offline="${at}"`);
  return new Response(text, { status: 200, headers: found.headers });
}

async function keep(path, answer) {
  const owner = answer.headers.get("x-wallet-owner");
  if (!owner) return;
  await forget(OF_SESSION + owner);
  await put(await caches.open(OF_SESSION + owner), path, answer);
}

// With the files that the page names: it may be looked at for the first time without a connection.
async function put(cache, path, answer) {
  const text = await answer.clone().text();
  await cache.put(path, answer);
  await keepFiles(text.match(/\/static\/[\w./-]+/g) ?? []);
}

async function keepFiles(addresses) {
  const shelf = await caches.open(FILES);
  for (const address of new Set(addresses)) {
    if (!(await shelf.match(address))) await shelf.add(address).catch(() => undefined);
  }
}

async function drop(path) {
  const name = await cacheOfSession();
  if (name) await (await caches.open(name)).delete(path);
}

// All that belongs to sessions but for the one named.
async function forget(name) {
  const others = (await caches.keys()).filter((one) => one.startsWith(OF_SESSION) && one !== name);
  await Promise.all(others.map((one) => caches.delete(one)));
}

// What a page says it needs: its files, itself, and the coupons that it lists.
async function keepAll({ owner, language, files, pages, isWhole }) {
  await keepFiles(files);
  const cache = await caches.open(OF_SESSION + owner);
  await forget(OF_SESSION + owner);
  const version = new URL(files[0]).pathname.split("/", 3).join("/");
  for (const path of [AWAY, ...pages.filter((one) => KEPT.test(one))]) {
    if (await isFresh(await cache.match(path), version, language)) continue;
    const answer = await fetch(path, { credentials: "same-origin", redirect: "manual" }).catch(() => undefined);
    const isOurs = path === AWAY || answer?.headers.get("x-wallet-owner") === owner;
    if (answer?.ok && isOurs) await put(cache, path, answer);
    else if (answer) break; // the session is another one by now, or the platform has enough to do
  }
  if (isWhole) await dropOthers(cache, (path) => path === AWAY || path === TILL || pages.includes(path));
  if (isWhole) await dropOthers(await caches.open(FILES), (path) => path.startsWith(version));
}

// A page of an older version names files that are no longer kept; one in another language was chosen otherwise since.
async function isFresh(page, version, language) {
  if (!page) return false;
  const age = Date.now() - Date.parse(page.headers.get("x-wallet-at"));
  return age < FRESH_MS && page.headers.get("content-language") === language && (await page.text()).includes(version);
}

async function dropOthers(cache, isKept) {
  for (const request of await cache.keys()) {
    if (!isKept(new URL(request.url).pathname)) await cache.delete(request);
  }
}
