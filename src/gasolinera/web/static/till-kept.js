// The till's page for when there is no connection is kept by this browser, so that it opens without one.
import { keepPages } from "./keeping.js";

const root = document.documentElement;
const { tillOwner } = document.querySelector("[data-till-owner]").dataset;

if (root.dataset.offline) {
  // What is shown is an older page: nothing that somebody is typing is lost to a newer one.
  const form = document.querySelector("[data-queue] form");
  addEventListener("online", () => {
    if (!form.elements.namedItem("code").value && !form.elements.namedItem("amount").value) location.replace("/till/offline");
  });
} else if ("serviceWorker" in navigator) {
  await keepPages(tillOwner, ["/till/offline"]).catch(() => undefined);
}
