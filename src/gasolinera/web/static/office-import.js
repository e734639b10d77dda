// A large table takes a while: says so, and takes no second press meanwhile. Without this the form works as well.
for (const form of document.querySelectorAll("form[data-progress]")) {
  form.addEventListener("submit", () => {
    form.querySelector("[data-waiting]").hidden = false;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
}
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
