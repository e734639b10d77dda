// The wallet keeps itself for when there is no connection, and says since when it is as it is.
import { keepPages } from "./keeping.js";

const KEPT_COUPONS = 30;
const root = document.documentElement;
const owner = document.querySelector("[data-wallet-owner]").dataset.walletOwner;
const coupons = document.getElementById("coupons");

function moment(iso) {
  return new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

function showOffline() {
  const notice = document.getElementById("offline");
  notice.querySelector("[data-text]").textContent = notice.dataset.text.replace("{when}", moment(root.dataset.offline));
  notice.hidden = false;
}

async function keep() {
  const listed = [...document.querySelectorAll("#coupons a[href^='/wallet/']")].map((one) => one.getAttribute("href"));
  const pages = coupons ? [...new Set(["/wallet", ...listed.slice(0, KEPT_COUPONS)])] : [location.pathname];
  // Only the first page of those that are ready, unfiltered, says what there is.
  const isWhole = Boolean(coupons) && !location.search;
  await keepPages(owner, pages, isWhole);
}

// What is owed is issued within seconds: the list is read again until its coupons are there.
async function awaitOwed(tries) {
  if (tries === 0 || !coupons.querySelector("[data-owed]")) return;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const answer = await fetch(location.pathname).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  coupons.replaceChildren(...page.getElementById("coupons").childNodes);
  await awaitOwed(tries - 1);
}

if (root.dataset.offline) {
  showOffline();
  addEventListener("online", () => location.reload());
} else {
  if (coupons) await awaitOwed(15);
  if ("serviceWorker" in navigator) await keep().catch(() => undefined);
}
