// Asks the service worker to keep pages of this session, with the files that this page has loaded.
const root = document.documentElement;

function filesOfPage() {
  const loaded = performance.getEntriesByType("resource").map((one) => one.name);
  const named = [...document.querySelectorAll("link[href], script[src], img[src]")].map((one) => one.href ?? one.src);
  const all = [...named, ...loaded].filter((one) => one.startsWith(`${location.origin}/static/`));
  return [...new Set(all)];
}

/** `isWhole`: they are all of the wallet's pages, so others that were kept are of no use any more. */
export async function keepPages(owner, pages, isWhole = false) {
  await navigator.serviceWorker.register("/sw.js");
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage({ kind: "keep", owner, language: root.lang, files: filesOfPage(), pages, isWhole });
}
