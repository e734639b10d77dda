// Counts down to the moments that a page waits for, and loads it again when one has come.
for (const place of document.querySelectorAll("[data-until]")) {
  const until = Date.parse(place.dataset.until);
  const [days, hours, minutes, seconds] = place.dataset.words.split(" ");
  const show = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    if (left === 0) {
      setTimeout(() => location.reload(), 3000);
      return;
    }
    const parts = [[Math.floor(left / 86400), days], [Math.floor(left / 3600) % 24, hours], [Math.floor(left / 60) % 60, minutes], [left % 60, seconds]];
    const first = parts.findIndex(([many]) => many > 0);
    place.textContent = parts.slice(first < 0 ? 3 : first).map(([many, word]) => `${many} ${word}`).join(" ");
    setTimeout(show, 1000);
  };
  show();
}
