// The live discount while the amount is typed, and the price of the chosen fuel. The server does the sums.
const WAIT_MS = 350;
const form = document.querySelector("[data-purchase]");

if (form) {
  const bill = form.querySelector("[data-bill]");
  const token = document.querySelector('meta[name="form-token"]').content;
  const prices = JSON.parse(form.dataset.prices);
  let timer = 0;
  let asked = 0;
  let proposed = "";

  form.querySelector("[data-plain]").hidden = true;

  const put = (name, text) => { bill.querySelector(`[data-${name}]`).textContent = text; };

  async function quote() {
    const number = ++asked;
    const body = new URLSearchParams(new FormData(form));
    let answer;
    try {
      const response = await fetch(form.dataset.quote, { method: "POST", keepalive: true, body, headers: { "x-form-token": token, accept: "application/json" } });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      return; // without an answer what is shown stays nothing: the server decides when it is sent
    }
    if (number !== asked) return; // somebody typed on
    put("original", answer.original || "–");
    put("discount", answer.discount || "–");
    put("charge", answer.charge || "–");
    put("tickets", answer.tickets);
    put("problem", answer.problem);
    bill.classList.toggle("ready", Boolean(answer.charge));
  }

  function later() {
    clearTimeout(timer);
    asked += 1;
    bill.classList.remove("ready");
    timer = setTimeout(quote, WAIT_MS);
  }

  function propose() {
    const fuel = new FormData(form).get("fuel_type");
    const field = form.elements.namedItem("price_per_litre");
    if (field.value === "" || field.value === proposed) {
      proposed = prices[fuel] ?? "";
      field.value = proposed;
    }
  }

  form.addEventListener("input", later);
  form.addEventListener("change", (event) => {
    if (event.target.name === "fuel_type") propose();
    later();
  });
  form.addEventListener("submit", () => {
    // Pressed twice it would redeem once, by its key; the button says so.
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => { button.disabled = false; }));
  propose();
  if (form.elements.namedItem("amount").value || form.elements.namedItem("litres").value) quote();
}

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => print());
});
