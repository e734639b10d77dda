// Reads a QR code from the camera and sends the form that it stands in. The browser's own detector where there is one;
// else the packaged decoder, which is loaded only then; without a camera the form stays hidden and the page is enough.
const EVERY_MS = 120;
const SIDE = 1280;

export async function decoderFor(form) {
  if ("BarcodeDetector" in window) {
    try {
      const formats = await BarcodeDetector.getSupportedFormats();
      if (formats.includes("qr_code")) {
        const detector = new BarcodeDetector({ formats: ["qr_code"] });
        return async (video) => (await detector.detect(video)).map((code) => code.rawValue);
      }
    } catch {
      // Some browsers name it and bring none.
    }
  }
  if (!form.dataset.decoder) return null;
  const { prepareZXingModule, readBarcodes } = await import(form.dataset.decoder);
  await prepareZXingModule({ overrides: { locateFile: () => form.dataset.wasm }, fireImmediately: true });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = context.getImageData(0, 0, canvas.width, canvas.height);
    const found = await readBarcodes(picture, { formats: ["QRCode"], maxNumberOfSymbols: 1 });
    return found.filter((code) => code.isValid).map((code) => code.text);
  };
}

function reasonOf(error, form) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return form.dataset.denied;
  if (error.name === "NotReadableError" || error.name === "AbortError") return form.dataset.busy;
  return form.dataset.missing;
}

function scanning(form) {
  const part = (name) => form.querySelector(`[data-${name}]`);
  const video = part("video");
  let stream = null;

  const say = (text) => { part("status").textContent = text; };
  const show = (running) => {
    part("view").hidden = !running;
    part("stop").hidden = !running;
    part("start").hidden = running;
  };

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    show(false);
  }

  async function start() {
    say("");
    show(true);
    try {
      const [decode, opened] = await Promise.all([
        decoderFor(form),
        navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } }),
      ]);
      stream = opened;
      if (!decode) throw new DOMException("there is no decoder", "NotSupportedError");
      video.srcObject = stream;
      await video.play();
      say(form.dataset.looking);
      await read(decode);
    } catch (error) {
      stop();
      say(reasonOf(error, form));
    }
  }

  async function read(decode) {
    while (stream) {
      if (video.videoWidth) {
        const [text] = await decode(video);
        if (text && stream) return found(text);
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  function found(text) {
    stop();
    const meant = new CustomEvent("scanned", { detail: text, cancelable: true, bubbles: true });
    if (!form.dispatchEvent(meant)) return;
    if (!navigator.onLine) {
      say(form.dataset.offline);
      return;
    }
    say(form.dataset.found);
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(80);
    part("scanned").value = text;
    form.submit();
  }

  part("start").addEventListener("click", start);
  part("stop").addEventListener("click", () => { stop(); say(""); });
  // A page that comes back from the browser's memory begins anew, and nobody films behind another page.
  addEventListener("pagehide", stop);
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); });
  form.hidden = false;
  // Whoever has allowed the camera here wants to scan, and not to press a button each time.
  navigator.permissions?.query({ name: "camera" }).then((answer) => {
    if (answer.state === "granted" && !document.hidden) start();
  }).catch(() => {});
}

if (navigator.mediaDevices?.getUserMedia) document.querySelectorAll("[data-scanner]").forEach(scanning);
