// How much of this browser waits to be sent, told on the page where people work.
import { waiting } from "./till-queue.js";

const notice = document.querySelector("[data-waiting]");
waiting(notice.dataset.employee).then((entries) => {
  const count = entries.filter((entry) => entry.state === "waiting").length;
  if (!count) return;
  notice.querySelector("[data-waiting-count]").textContent = String(count);
  notice.hidden = false;
}).catch(() => {});
