// A tile that another service makes: it takes the place of the link to its page, which stays where it cannot be had.
for (const place of document.querySelectorAll("[data-tile]")) {
  const answer = await fetch(place.dataset.tile, { headers: { accept: "text/html" } }).catch(() => null);
  const text = answer && (await answer.text());
  if (answer?.ok && !answer.redirected) {
    const made = new DOMParser().parseFromString(text, "text/html").querySelector(".tile");
    if (made) place.replaceWith(document.adoptNode(made));
  }
}
