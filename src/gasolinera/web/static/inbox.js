// Puts new messages on the page without loading it anew, so that what somebody selects stays selected.
const pause = 2000;

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("inbox");
        const shown = document.getElementById("inbox");
        if (fresh && fresh.textContent !== shown.textContent) shown.replaceWith(fresh);
      }
    } catch {
      // The server is away for a moment: the next look may find it.
    }
  }
  setTimeout(look, pause);
}
setTimeout(look, pause);
