// Times that are still to come count down; what waits for a draw asks now and then whether it is there.
const shown = document.querySelectorAll("time[data-countdown]");
const two = (number) => String(number).padStart(2, "0");

function left(ms) {
  const seconds = Math.ceil(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 1) return `${days} d ${hours} h`;
  if (days || hours) return `${days * 24 + hours} h ${two(minutes)} min ${two(seconds % 60)} s`;
  return `${minutes} min ${two(seconds % 60)} s`;
}

async function ask(box, pause) {
  try {
    const answer = await fetch(box.dataset.state, { headers: { accept: "application/json" } });
    if (answer.ok && (await answer.json()).draw_status !== "FROZEN") {
      location.reload();
      return;
    }
  } catch {
    // The server is away for a moment: the next question may find it.
  }
  setTimeout(ask, pause, box, Math.min(pause * 1.5, 60000));
}

function tick() {
  const now = Date.now();
  let soonest = Infinity;
  for (const time of shown) {
    const ms = Date.parse(time.dateTime) - now;
    if (ms > 0) {
      if (!time.title) time.title = time.textContent;
      time.textContent = left(ms);
      soonest = Math.min(soonest, ms);
    } else if (!time.dataset.over) {
      time.dataset.over = "yes";
      const box = time.closest("[data-state]");
      if (box) {
        box.textContent = box.dataset.over;
        ask(box, 2000);
      } else if (time.title) {
        time.textContent = time.title;
      }
    }
  }
  if (soonest < Infinity) setTimeout(tick, soonest > 2 * 86400000 ? 60000 : 1000 - (now % 1000) + 5);
}
tick();
