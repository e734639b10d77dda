// Where the person is, only when the button is pressed, and no more exactly than a hundred metres.

const button = document.querySelector('[data-locate]');
const said = document.getElementById('located');

function found({ coords }) {
  const address = new URL(button.dataset.locate, location.origin);
  address.searchParams.set('lat', coords.latitude.toFixed(3));
  address.searchParams.set('lng', coords.longitude.toFixed(3));
  location.assign(address);
}

function failed(error) {
  button.disabled = false;
  said.textContent = error.code === error.PERMISSION_DENIED ? button.dataset.denied : button.dataset.failed;
}

if (button && 'geolocation' in navigator) {
  button.hidden = false;
  button.addEventListener('click', () => {
    button.disabled = true;
    said.textContent = button.dataset.looking;
    navigator.geolocation.getCurrentPosition(found, failed, { timeout: 15_000, maximumAge: 60_000 });
  });
}
