// @ts-check
// The slider over a story: back and forth, by event or by batch, and playing it back. It only looks.

const SLOWEST_STEP = 2500;
const EVENTS_IN_A_BATCH = 4;
const LONGEST_FAST = 300;

class History {
  /**
   * @param {Story} story
   * @param {{ seek(position: number): void, live(): void, speed(): number, rerun?(): void, batch?(): number }} asked
   */
  constructor(story, asked) {
    this.story = story;
    this.asked = asked;
    this.byBatch = false;
    this.playing = 0;
    this.past = false;
    const small = (/** @type {any} */ icon, /** @type {string} */ title, /** @type {() => void} */ press) =>
      button({ icon, label: "", title, class: "dnb-small" }, press);
    this.slider = html("input", {
      type: "range",
      min: 0,
      max: 0,
      value: 0,
      class: "dnb-scrub",
      "aria-label": "look back: the position in the story",
      oninput: () => this.go(this.near(Number(this.slider.value))),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    });
    this.where = html("span", { class: "dnb-where", title: "Which event of the story is shown, and its run time" });
    this.unit = button({ label: "by event", title: "Look back by event, or by batch (U)", class: "dnb-unit" }, () => this.turn());
    this.player = button({ icon: "run", label: "Play back", title: "Play the story back, at the speed that is set (P)" }, () => this.play());
    this.now = button({ label: asked.rerun ? "Live" : "End", title: asked.rerun ? "Back to the present (End)" : "To the end (End)", class: "dnb-live" }, () => this.asked.live());
    this.again = button({ icon: "fork", label: "Re-run from batch 1", title: "Begin a new run here, with what is done before it. It inherits results, not effects", class: "dnb-rerun" }, () =>
      this.asked.rerun?.(),
    );
    this.element = html(
      "div",
      { class: "dnb-history", role: "group", "aria-label": "history" },
      small("first", "To the beginning (Home)", () => this.go(0)),
      small("previous", "One back (,)", () => this.move(-1)),
      small("next", "One on (.)", () => this.move(1)),
      this.slider,
      this.where,
      this.unit,
      this.player,
      this.now,
    );
    if (asked.rerun) this.element.append(this.again);
    this.again.dataset.command = "rerun";
    this.player.dataset.command = "back";
    this.now.dataset.command = "live";
    this.show();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    const step = /** @type {any} */ (steps)[event.key];
    if (step) this.move(step);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.asked.live();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  turn() {
    this.byBatch = !this.byBatch;
    const label = this.unit.querySelector("span");
    if (label) label.textContent = this.byBatch ? "by batch" : "by event";
  }

  /** @param {number} position */
  near(position) {
    if (!this.byBatch) return position;
    const stops = [...this.story.stops, this.story.length];
    return stops.reduce((best, stop) => (Math.abs(stop - position) < Math.abs(best - position) ? stop : best), 0);
  }

  /**
   * @param {number} way
   * @param {boolean} [byBatch]
   */
  move(way, byBatch = this.byBatch) {
    this.stop();
    this.step(way, byBatch);
  }

  /**
   * @param {number} way
   * @param {boolean} byBatch
   */
  step(way, byBatch) {
    const from = this.story.position;
    this.asked.seek(byBatch ? this.story.stop(way) : Math.max(0, Math.min(from + way, this.story.length)));
  }

  /** @param {number} position */
  go(position) {
    this.stop();
    this.asked.seek(position);
  }

  /** Play on from here, from the beginning if this is the end; or stop playing. */
  play() {
    if (this.playing) {
      this.stop();
      return;
    }
    if (this.story.position >= this.story.length) this.asked.seek(0);
    const again = () => {
      const speed = this.asked.speed();
      const slow = SLOWEST_STEP * (1 - speed) ** 2;
      const wait = Math.max(16, this.byBatch ? slow : slow / EVENTS_IN_A_BATCH);
      this.playing = window.setTimeout(() => {
        const leap = speed === 1 && !this.byBatch ? Math.max(1, Math.ceil(this.story.length / LONGEST_FAST)) : 1;
        this.step(leap, this.byBatch);
        if (this.story.position < this.story.length) again();
        else this.stop();
      }, wait);
    };
    again();
    this.shape();
  }

  stop() {
    if (!this.playing) return;
    window.clearTimeout(this.playing);
    this.playing = 0;
    this.shape();
  }

  shape() {
    const label = this.player.querySelector("span");
    if (label) label.textContent = this.playing ? "Stop" : "Play back";
    this.player.classList.toggle("dnb-playing", Boolean(this.playing));
  }

  /** @param {boolean} [past] whether a moment of the past is shown */
  show(past = this.past) {
    this.past = past;
    const { position, length, at } = this.story;
    this.slider.max = String(length);
    this.slider.value = String(position);
    const words = `${position} of ${length} · ${(at / 1000).toFixed(3)} s`;
    this.where.textContent = words;
    this.slider.setAttribute("aria-valuetext", `event ${words}: ${this.story.words()}`);
    enable(this.now, past);
    enable(this.player, length > 0);
    const label = this.again.querySelector("span");
    if (label) label.textContent = `Re-run from batch ${this.asked.batch?.() ?? 1}`;
  }

  /** @param {boolean} possible */
  forkable(possible) {
    enable(this.again, possible);
  }
}
