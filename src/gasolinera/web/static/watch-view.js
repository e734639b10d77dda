// One view of an advertisement, as the server counts it: the start, the reports every few seconds, the end.

const BEAT_MS = 4000;

export class Refused extends Error {
  constructor(status, code = 'unknown') {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export async function ask(path, body, { isLast = false } = {}) {
  const token = document.querySelector('meta[name="form-token"]').content;
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', 'x-form-token': token },
    body: JSON.stringify(body),
    keepalive: isLast,
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok || told.refused) throw new Refused(answer.status, told.refused ?? told.code);
  return told;
}

// `look()` gives where the player stands, how much of it is in view, and whether it is muted.
export async function begin(token, look) {
  const { visible, isMuted } = look();
  const view = await ask('/watch/views', { token, visible_percent: visible, is_muted: isMuted });
  return new View(view.view_id, look);
}

class View {
  constructor(id, look) {
    this.id = id;
    this.look = look;
    this.sequence = 0;
    this.isOver = false;
    this.onTold = () => {};
    this.queue = Promise.resolve();
    this.beat = setInterval(() => this.report('HEARTBEAT').catch(() => {}), BEAT_MS);
  }

  said() {
    const { position, visible, isMuted } = this.look();
    this.sequence += 1;
    return {
      sequence: this.sequence,
      position_s: Math.round(position * 1000) / 1000,
      visible_percent: visible,
      is_muted: isMuted,
    };
  }

  // One after the other: a report that overtakes another one would be taken for an old one.
  report(event) {
    if (this.isOver) return Promise.resolve(null);
    const said = { ...this.said(), event };
    const sent = this.queue.then(() => ask(`/watch/views/${this.id}/reports`, said));
    this.queue = sent.catch(() => {});
    return sent.then((view) => {
      this.onTold(view);
      return view;
    });
  }

  async complete() {
    await this.queue;
    return ask(`/watch/views/${this.id}/complete`, this.said());
  }

  end() {
    this.isOver = true;
    clearInterval(this.beat);
  }

  // The page goes away: nobody waits for the answer.
  leave() {
    if (this.isOver) return;
    const said = { ...this.said(), event: 'ABANDON' };
    this.end();
    ask(`/watch/views/${this.id}/reports`, said, { isLast: true }).catch(() => {});
  }
}
