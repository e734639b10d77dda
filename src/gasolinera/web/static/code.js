// The page where the code of a text message is typed: fills it in where the browser can read it (WebOTP), and counts
// down until another one may be asked for. Without this module both are done by hand.
const form = document.getElementById("code-form");
const field = form?.querySelector("[name=code]");

if (field && "OTPCredential" in window) {
  const giveUp = new AbortController();
  form.addEventListener("submit", () => giveUp.abort());
  navigator.credentials
    .get({ otp: { transport: ["sms"] }, signal: giveUp.signal })
    .then((found) => {
      if (found?.code && !field.value) {
        field.value = found.code;
        form.requestSubmit();
      }
    })
    .catch(() => {}); // nobody allowed it, or no message came: the field is still there
}

const again = document.querySelector("form.again");
if (again) {
  const button = again.querySelector("button");
  const text = document.getElementById("again-wait");
  const ends = Date.now() + 1000 * Number(again.dataset.wait);
  const tick = () => {
    const left = Math.ceil((ends - Date.now()) / 1000);
    button.disabled = left > 0;
    text.hidden = left <= 0;
    if (left > 0) {
      text.textContent = left === 1 ? text.dataset.one : text.dataset.many.replace("77", left);
      setTimeout(tick, 250);
    }
  };
  tick();
}
