// A photo of a phone is larger than it needs to be, and may be larger than we take: a code is as well read in a small
// one. What the browser cannot open goes as it is, and the server says what is wrong with it.
const SIDE = 2400;
const SMALL_BYTES = 2_000_000;

async function smaller(file) {
  const opened = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(opened.width, opened.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(opened.width * scale);
  canvas.height = Math.round(opened.height * scale);
  canvas.getContext("2d").drawImage(opened, 0, 0, canvas.width, canvas.height);
  opened.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

document.querySelectorAll("[data-photo]").forEach((form) => {
  let isReady = false;
  form.addEventListener("submit", async (event) => {
    const field = form.elements.namedItem("photo");
    const file = field.files[0];
    if (isReady || !file || file.size <= SMALL_BYTES) return;
    event.preventDefault();
    isReady = true;
    try {
      const made = await smaller(file);
      if (made && made.size < file.size) {
        const files = new DataTransfer();
        files.items.add(new File([made], "photo.jpg", { type: "image/jpeg" }));
        field.files = files.files;
      }
    } catch {
      // It is no picture that this browser knows.
    }
    form.submit();
  });
  addEventListener("pageshow", () => { isReady = false; });
});
