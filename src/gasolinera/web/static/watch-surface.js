// What an advertisement is shown on: one shape for films, sounds, pictures, texts and documents.
// play() and pause(), position (seconds), isOver, setMuted(); onEnd and onError are set by whoever shows it.

export function surfaceOf(ad, stage, texts) {
  const made = ad.ad_format === 'VIDEO' || ad.ad_format === 'AUDIO' ? media(ad, texts) : timed(ad, texts);
  stage.replaceChildren(made.element);
  return made;
}

// Only what our own server gives: the policy of the page lets nothing else in.
export function canBeShown(ad) {
  return ad.ad_format === 'TEXT' || (ad.media_url ?? '').startsWith('/');
}

function media(ad, texts) {
  const isVideo = ad.ad_format === 'VIDEO';
  const player = document.createElement(isVideo ? 'video' : 'audio');
  player.src = ad.media_url;
  player.preload = 'auto';
  player.playsInline = true;
  player.disableRemotePlayback = true;
  player.setAttribute('aria-label', ad.title);
  let element = player;
  if (!isVideo) {
    element = document.createElement('div');
    element.className = 'sound';
    element.append(player, told('p', ad.title), told('p', ad.description ?? texts.sound));
  }
  const surface = {
    element,
    hasSound: true,
    play: () => player.play(),
    pause: () => player.pause(),
    get position() {
      return Math.min(player.currentTime, ad.duration_s);
    },
    get isOver() {
      return player.ended || player.currentTime >= ad.duration_s - 0.05;
    },
    goBack(seconds) {
      player.currentTime = Math.max(0, Math.min(player.duration || ad.duration_s, ad.duration_s) - seconds);
    },
    setMuted(isMuted) {
      player.muted = isMuted;
    },
    onEnd: () => {},
    onError: () => {},
  };
  player.addEventListener('ended', () => surface.onEnd());
  player.addEventListener('error', () => surface.onError());
  return surface;
}

// A picture or a text has no clock of its own: time counts while it runs.
function timed(ad, texts) {
  let gone = 0;
  let since = null;
  let timer = null;
  const now = () => gone + (since === null ? 0 : (performance.now() - since) / 1000);
  const surface = {
    element: still(ad, texts, () => surface.onError()),
    hasSound: false,
    async play() {
      if (since !== null) return;
      since = performance.now();
      timer = setTimeout(() => surface.onEnd(), Math.max(0, ad.duration_s - gone) * 1000 + 50);
    },
    pause() {
      gone = now();
      since = null;
      clearTimeout(timer);
    },
    get position() {
      return Math.min(now(), ad.duration_s);
    },
    get isOver() {
      return now() >= ad.duration_s;
    },
    goBack(seconds) {
      gone = Math.max(0, ad.duration_s - seconds);
    },
    setMuted() {},
    onEnd: () => {},
    onError: () => {},
  };
  return surface;
}

function still(ad, texts, failed) {
  if (ad.ad_format === 'IMAGE') {
    const picture = document.createElement('img');
    picture.addEventListener('error', failed);
    picture.src = ad.media_url;
    picture.alt = ad.description ?? ad.title;
    return picture;
  }
  if (ad.ad_format === 'INTERACTIVE') {
    // An advertiser's document runs as nobody: no cookies, no origin, no way out of its frame.
    const frame = document.createElement('iframe');
    frame.setAttribute('sandbox', 'allow-scripts');
    frame.src = ad.media_url;
    frame.title = `${texts.interactive}: ${ad.title}`;
    return frame;
  }
  const text = document.createElement('div');
  text.className = 'words';
  text.append(told('p', ad.body_text ?? ad.title));
  return text;
}

export function told(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}
