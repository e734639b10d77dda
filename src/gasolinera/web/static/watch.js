// The player of advertisements: asks for one, shows it when told to, and says honestly what it counts for.

import { canBeShown, surfaceOf, told } from './watch-surface.js';
import { ask, begin } from './watch-view.js';

const MOST_TRIES = 3; // advertisements whose media this browser cannot show, before it gives up
const root = document.getElementById('watch');
const texts = root.dataset;
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const stage = part('stage');
const play = part('play');
const sound = part('sound');
const skip = part('skip');
const visit = part('visit');
const retry = part('retry');
const again = part('again');
const toTickets = part('to-tickets');
const bar = part('bar');
const clock = part('clock');
const said = part('said');

let ad = null;
let served = null;
let surface = null;
let view = null;
let isPlaying = false;
let isMuted = false;
let visible = 100;
let drawing = null;
let isFinishing = false;

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');

function say(text) {
  said.textContent = text;
}

function show(element, isShown) {
  element.hidden = !isShown;
}

function look() {
  return {
    position: surface.position,
    visible: document.visibilityState === 'visible' ? visible : 0,
    isMuted,
  };
}

new IntersectionObserver(
  ([entry]) => {
    visible = Math.round(entry.intersectionRatio * 100);
  },
  { threshold: [0, 0.25, 0.5, 0.75, 1] },
).observe(stage);

// `isAsked`: by a button, whose place the next one takes; a page that was just opened keeps its focus.
async function find({ tries = 1, isAsked = false } = {}) {
  reset();
  say(texts.looking);
  try {
    served = await ask('/watch/ads', { reference: texts.reference, language: texts.language });
  } catch (refused) {
    giveUp(refused);
    return;
  }
  ad = served.advertisement;
  if (!canBeShown(ad)) {
    await passOver(tries, isAsked);
    return;
  }
  surface = surfaceOf(ad, stage, texts);
  surface.onEnd = finish;
  surface.onError = fail;
  part('who').textContent = ad.advertiser_name;
  part('title').textContent = ad.title;
  part('about').textContent = ad.description ?? '';
  show(part('card'), true);
  show(play, true);
  play.textContent = texts.play;
  const offer = served.bonus_tickets > 0 ? texts.offer : texts.offerNothing;
  say(filled(offer, { seconds: Math.ceil((ad.duration_s * served.needed_percentage) / 100), tickets: served.bonus_tickets }));
  for (const one of [stage, part('run')]) show(one, true);
  tick();
  if (isAsked) play.focus();
}

// What this browser must not load is started and failed, so that the next one asked for is another one.
async function passOver(tries, isAsked) {
  try {
    surface = { position: 0 };
    const passed = await begin(served.token, look);
    await passed.report('ERROR');
    passed.end();
  } catch {
    // it was not started, so there is nothing to end
  }
  if (tries < MOST_TRIES) await find({ tries: tries + 1, isAsked });
  else giveUp({ code: 'ads.nothing_to_show' });
}

async function toggle() {
  if (view === null) await start();
  else if (isPlaying) pause('PAUSE');
  else await resume();
}

async function start() {
  play.disabled = true;
  try {
    view = await begin(served.token, look);
  } catch (refused) {
    giveUp(refused);
    return;
  } finally {
    play.disabled = false;
  }
  view.onTold = counted;
  await run();
  show(sound, surface.hasSound);
  if (ad.click_url) {
    visit.href = ad.click_url;
    show(visit, true);
  }
  say('');
}

async function run() {
  try {
    await surface.play();
    isPlaying = true;
    play.textContent = texts.pause;
    drawing ??= setInterval(tick, 250);
  } catch {
    await fail();
  }
}

function pause(event) {
  if (!isPlaying) return;
  isPlaying = false;
  surface.pause();
  play.textContent = texts.goOn;
  say(texts.paused);
  view.report(event).catch(ended);
}

async function resume() {
  await view.report('RESUME').catch(ended);
  if (view === null) return;
  say('');
  await run();
}

function counted(now) {
  bar.value = Math.min(now.watched_s, now.duration_s);
}

function tick() {
  const at = surface.position;
  bar.max = ad.duration_s;
  bar.value = Math.max(bar.value, at);
  clock.textContent = filled(texts.clock, { at: Math.floor(at), whole: ad.duration_s });
  show(skip, view !== null && ad.skip_after_s !== null && at >= ad.skip_after_s && !surface.isOver);
}

async function finish() {
  if (view === null || isFinishing) return;
  isFinishing = true;
  isPlaying = false;
  show(play, false);
  show(retry, false);
  say('');
  try {
    const done = await view.complete();
    tell(done);
  } catch (refused) {
    if (refused.code === 'ads.not_watched') await watchOn();
    else finishLater(refused);
  } finally {
    isFinishing = false;
  }
}

// Watched to its end, and nobody could be told: it is told again when asked to, or once there is a connection.
function finishLater(refused) {
  ended(refused);
  if (view === null) return;
  show(retry, true);
  retry.focus();
}

// By the server's clock a part is missing: that part again, and nothing is lost.
async function watchOn() {
  const now = await view.report('HEARTBEAT').catch(finishLater);
  if (!now) return;
  const lacking = Math.max(1, Math.ceil((now.duration_s * now.needed_percentage) / 100 - now.watched_s) + 1);
  say(filled(texts.lacking, { seconds: lacking }));
  surface.goBack(lacking);
  show(play, true);
  await view.report('REPLAY').catch(ended);
  if (view !== null) await run();
}

async function leaveOut() {
  try {
    const now = await view.report('SKIP');
    if (now) tell(now);
  } catch (refused) {
    if (refused.code !== 'ads.not_skippable') ended(refused);
  }
}

async function fail() {
  if (view !== null && !view.isOver) await view.report('ERROR').catch(() => {});
  stop();
  say(texts.failed);
  goOn();
}

function ended(refused) {
  if (refused?.code === 'ads.view_over' || refused?.code === 'ads.view_unknown') {
    stop();
    say(texts.over);
    goOn();
  } else if (refused) {
    say(texts.offline);
  }
  return null;
}

function tell(done) {
  stop();
  const text = { COMPLETED: done.bonus_tickets > 0 ? texts.earned : texts.earnedNothing, REJECTED: texts.rejected }[done.status];
  if (done.status === 'COMPLETED') {
    texts.extra = Number(texts.extra) + done.bonus_tickets;
    document.getElementById('sum').textContent = filled(texts.sum, { extra: texts.extra });
  }
  const result = part('result');
  result.replaceChildren(told('strong', filled(text ?? texts.skipped, { tickets: done.bonus_tickets })));
  result.dataset.tone = done.status === 'COMPLETED' ? 'good' : 'quiet';
  show(result, true);
  say('');
  goOn();
  again.focus();
}

// What there is to do after this one. `other` asks for another one, and is left out where there is none to be had.
function goOn({ other = texts.another, isMain = true } = {}) {
  again.textContent = other ?? '';
  show(again, other !== null);
  again.classList.toggle('main', isMain);
  toTickets.classList.toggle('main', !isMain || other === null);
  show(part('next'), true);
}

function stop() {
  isPlaying = false;
  view?.end();
  view = null;
  surface?.pause?.();
  clearInterval(drawing);
  drawing = null;
  for (const one of [play, sound, skip, retry]) show(one, false);
}

function giveUp(refused) {
  stop();
  const known = {
    'ads.nothing_to_show': texts.nothing,
    'ads.nothing_to_multiply': texts.noChain,
    'ads.unknown_redemption': texts.unknown,
    'ads.view_running': texts.running,
    'ads.seen_enough': texts.nothing,
    'ads.token_over': texts.over,
    'ads.token_used': texts.over,
    'ads.not_shown': texts.over,
    'rate.limited': texts.often,
  };
  say(known[refused.code] ?? (refused.status === 401 ? texts.login : texts.unreachable));
  const isOver = known[refused.code] === texts.over;
  const hasNone = refused.code === 'ads.nothing_to_multiply' || refused.status === 401;
  goOn(isOver ? {} : { other: hasNone ? null : texts.retry, isMain: known[refused.code] !== texts.nothing });
}

function reset() {
  ad = served = surface = view = null;
  for (const name of ['card', 'result', 'next', 'stage', 'run']) show(part(name), false);
  for (const one of [visit, play, sound, skip, retry]) show(one, false);
  stage.replaceChildren();
  bar.value = 0;
  clock.textContent = '';
}

play.addEventListener('click', toggle);
skip.addEventListener('click', leaveOut);
sound.addEventListener('click', () => {
  isMuted = !isMuted;
  surface.setMuted(isMuted);
  sound.setAttribute('aria-pressed', String(isMuted));
  view?.report(isMuted ? 'MUTE' : 'UNMUTE').catch(ended);
});
visit.addEventListener('click', () => {
  if (view === null) return;
  view.report('CLICK').catch(() => {});
  pause('PAUSE');
});
again.addEventListener('click', () => find({ isAsked: true }));
retry.addEventListener('click', finish);
addEventListener('online', () => {
  if (view !== null && !retry.hidden) finish();
});
document.addEventListener('visibilitychange', () => {
  if (view === null) return;
  if (document.visibilityState === 'hidden') {
    pause('PAUSE');
    view.report('HIDE').catch(() => {});
  } else {
    view.report('SHOW').catch(ended);
  }
});
addEventListener('pagehide', () => view?.leave());

find();
