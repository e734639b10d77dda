// Counts down what is left of a pump's code, and shows the next page of its story as soon as there is one.
const EVERY_MS = 2500;
const part = document.querySelector("[data-follow]");

if (part) {
  const clock = part.querySelector("[data-clock]");
  const words = clock?.textContent;
  const ends = Date.now() + Number(part.dataset.left) * 1000;

  function tick() {
    const left = Math.max(0, Math.round((ends - Date.now()) / 1000));
    if (clock) clock.textContent = `${words} (${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")})`;
    if (!left) location.reload();
    else setTimeout(tick, 1000);
  }

  async function follow() {
    try {
      const response = await fetch(part.dataset.follow, { headers: { accept: "application/json" } });
      if (response.ok && (await response.json()).state !== part.dataset.state) {
        location.reload();
        return;
      }
    } catch {
      // Without a connection the code stays where it is; asked again in a moment.
    }
    setTimeout(follow, EVERY_MS);
  }

  if (Number(part.dataset.left)) tick();
  setTimeout(follow, EVERY_MS);
}
