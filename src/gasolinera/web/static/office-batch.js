// How far a batch of coupons is, while somebody looks; when it is over the page is shown anew, with its downloads.
const place = document.querySelector("[data-progress]");
const bar = place.querySelector("progress");
const told = place.querySelector("#told");
let pause = 1000;

async function ask() {
  const answer = await fetch(place.dataset.progress, { headers: { accept: "application/json" } }).catch(() => null);
  const text = answer && (await answer.text());
  if (!answer?.ok || answer.redirected) {
    pause = Math.min(pause * 2, 30000);
  } else {
    const now = JSON.parse(text);
    pause = 1000;
    bar.value = now.issued;
    if (told.textContent !== now.text) told.textContent = now.text;
    if (now.status !== "ISSUING") {
      location.reload();
      return;
    }
  }
  setTimeout(ask, pause);
}

setTimeout(ask, pause);
