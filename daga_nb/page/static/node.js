// @ts-check
// One action as a card: glyph, name, word, badges. Nothing in it moves when its state changes.

const GLYPH_COLUMN = 34;
const BESIDE_NAME = GLYPH_COLUMN + 8;
const SMALLEST_NAME = 15;
const LARGEST_NAME = 18;
const WORD_SIZE = 12.5;
const FAR_NAME = 27;
const FAR_NAME_AT = 38;
const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';

class NodeCard {
  /**
   * @param {any} face
   * @param {number} number
   * @param {number[]} box x, y, width, height
   * @param {{ breakable: boolean, size: number }} options whether a failure can be planted; how large names are
   */
  constructor(face, number, [x, y, width, height], { breakable, size }) {
    this.face = face;
    this.number = number;
    this.width = width;
    this.height = height;
    /** @type {any[]} */
    this.mark = [-1, "", 0, 0, 0];
    const unit = height / 52;
    const center = height / 2;
    this.marks = new Marks(face, number, width, center - 9 * unit);
    const room = width - BESIDE_NAME;
    const roomForName = room - this.marks.room;
    this.halo = svg("rect", { class: "dnb-halo", x: -5, y: -5, width: width + 10, height: height + 10, rx: 14 });
    this.ring = svg("rect", { class: "dnb-ring", x: -5, y: -5, width: width + 10, height: height + 10, rx: 14 });
    this.body = svg("rect", { class: "dnb-body", width, height, rx: 10 });
    this.glyph = svg("text", { class: "dnb-glyph", x: 18 * unit, y: center, "font-size": 20 * unit });
    this.far = svg("text", { class: "dnb-far-glyph", x: width / 2, y: center, "font-size": height * 0.72 });
    const sign = height * 0.62;
    this.farFailed = svg("text", { class: "dnb-far-failed", x: width - 32, y: center, "font-size": sign, text: face.failed_glyph });
    this.farFault = svg("text", { class: "dnb-far-fault", x: width - 4, y: center, "font-size": sign, text: face.fault_glyph });
    this.name = svg("text", {
      class: "dnb-name",
      x: GLYPH_COLUMN * unit,
      y: center - 9 * unit,
      "font-size": size,
      text: fitted(face.labels[number], roomForName, `640 ${size}px ${FONT}`),
    });
    const large = 21 * unit;
    this.large = svg("text", {
      class: "dnb-large-name",
      x: GLYPH_COLUMN * unit,
      y: center,
      "font-size": large,
      text: fitted(face.labels[number], room + 2 - this.marks.room * MARKS_FROM_AFAR, `640 ${large}px ${FONT}`),
    });
    this.farName = svg("text", {
      class: "dnb-far-name",
      x: FAR_NAME_AT,
      y: center,
      "font-size": FAR_NAME,
      text: fitted(face.labels[number], width - FAR_NAME_AT - 4, `640 ${FAR_NAME}px ${FONT}`),
    });
    this.word = svg("text", { class: "dnb-word", x: GLYPH_COLUMN * unit, y: center + 11 * unit, "font-size": WORD_SIZE });
    this.room = room;
    /** @type {any} */
    this.failed = null;
    /** The badges of what is planted, and what they show. @type {any[]} */
    this.faults = [];
    this.badged = "";
    /** @type {any[]} */
    this.stops = face.phases.map(() => null);
    this.breakable = breakable;
    this.title = svg("title");
    this.element = svg(
      "g",
      { class: "dnb-node", transform: `translate(${x} ${y})`, role: "button", tabindex: -1, "data-node": number },
      this.title,
      this.halo,
      this.ring,
      this.body,
      this.glyph,
      this.far,
      this.name,
      this.large,
      this.farName,
      this.farFailed,
      this.farFault,
      this.word,
    );
    if (this.marks.element) this.element.append(this.marks.element);
    /** What lint has found of it, but for notes. @type {string[][]} */
    this.doubts = doubtsOf(face, number).filter(([, kind]) => kind !== "note");
    this.doubt = this.doubts.length ? doubtBadge(this.doubts, height) : null;
    if (this.doubt) this.element.append(this.doubt);
  }

  /** Whether it stands outside of the picture: then it is not painted. */
  away = false;

  /** What is painted, if that is no more what it shows. @type {any[] | null} */
  missed = null;

  /** The distance that it is dressed for; "" for all of them. */
  dressed = "";

  /** Have only the parts stand in it that are seen from there: of very many cards each part counts. @param {string} distance */
  dress(distance) {
    if (this.dressed === distance) return;
    this.dressed = distance;
    const parts = { near: [this.name, this.word], middle: [this.large], far: [this.farName, this.farFailed, this.farFault] };
    this.far.remove();
    this.glow();
    for (const [one, elements] of Object.entries(parts)) {
      if (one === distance) this.body.after(...elements);
      else elements.forEach((element) => element.remove());
    }
    for (const badge of [this.marks.element, this.doubt]) {
      if (distance === "far") badge?.remove();
      else if (badge) this.element.append(badge);
    }
    this.failed?.remove();
    this.failed = null;
    if (this.mark[3]) this.showFailed(true);
  }

  /** Of very many cards only those have a halo and a ring that show it. */
  glow() {
    if (!this.dressed) return;
    const { classList } = this.element;
    const light = (/** @type {any} */ element, /** @type {boolean} */ on) => (on ? element.parentNode || this.body.before(element) : element.remove());
    light(this.halo, classList.contains("dnb-busy") || classList.contains("dnb-here"));
    light(this.ring, classList.contains("dnb-selected"));
  }

  /** It is seen again: paint what it missed. */
  catchUp() {
    if (!this.missed) return;
    const mark = this.mark;
    this.mark = this.missed;
    this.missed = null;
    this.paint(mark);
  }

  /** @param {any[]} mark */
  paint(mark) {
    if (this.away) {
      this.missed ??= this.mark;
      this.mark = mark;
      return false;
    }
    const [state, time, faults, failed, breaks] = mark;
    const known = this.mark[0] >= 0;
    const changed = this.mark[0] !== state;
    const look = this.face.looks[state];
    if (changed) {
      this.element.dataset.state = look.key;
      this.element.classList.toggle("dnb-busy", look.busy);
      this.element.classList.toggle("dnb-struck", look.struck);
      this.glyph.textContent = look.glyph;
      this.far.textContent = look.glyph;
      this.marks.paint(state);
      this.glow();
    }
    if (changed || this.mark[1] !== time) {
      const words = time ? `${look.word} · ${time}` : look.word;
      const wide = widthOf(words, `560 ${WORD_SIZE}px ${FONT}`);
      this.word.textContent = words;
      this.word.setAttribute("font-size", Math.min(WORD_SIZE, (WORD_SIZE * this.room) / wide).toFixed(1));
    }
    if (this.mark[2] !== faults) this.showFaults(faults);
    if (this.mark[3] !== failed) this.showFailed(Boolean(failed));
    if ((this.mark[4] ?? 0) !== (breaks ?? 0)) this.showStops(breaks ?? 0);
    this.mark = mark;
    const label = this.label();
    this.title.textContent = label;
    this.element.setAttribute("aria-label", label);
    return known && changed;
  }

  /** @param {any[][] | 0} faults what each badge shows, if there are any */
  showFaults(faults) {
    const shown = JSON.stringify(faults);
    if (shown === this.badged) return;
    this.badged = shown;
    const planted = faults || [];
    this.element.classList.toggle("dnb-broken", planted.length > 0);
    const alone = planted.filter(([place]) => this.face.places[place] !== "rollback").length < 2;
    this.element.classList.toggle("dnb-crowded", !alone);
    this.faults.forEach((badge) => badge.remove());
    this.faults = planted.map((/** @type {any[]} */ fault) => faultBadge(this.face, fault, this.width, this.height, alone));
    this.element.append(...this.faults);
  }

  /** @param {number} breaks as bits: before it, before its rollback; and that the run stands there */
  showStops(breaks) {
    this.element.classList.toggle("dnb-stops", (breaks & 3) > 0);
    this.face.phases.forEach((/** @type {string} */ phase, /** @type {number} */ index) => {
      const planted = Boolean(breaks & (1 << index));
      if (planted && !this.stops[index]) {
        this.stops[index] = stopBadge(phase, this.width, this.height);
        this.element.append(this.stops[index]);
      }
      this.stops[index]?.classList.toggle("dnb-shown", planted);
      this.stops[index]?.classList.toggle("dnb-stands", Boolean(breaks & (4 << index)));
    });
  }

  /** @param {boolean} failed */
  showFailed(failed) {
    this.element.classList.toggle("dnb-did-fail", failed);
    if (failed && !this.failed && this.dressed !== "far") {
      this.failed = failedBadge(this.face, this.height);
      this.element.append(this.failed);
    }
    this.failed?.classList.toggle("dnb-shown", failed);
  }

  /** Offer the handles that plant a failure or a breakpoint; made only when someone comes near. */
  offer() {
    if (!this.breakable || this.handle) return;
    this.handle = handleOf(this.face, this.width);
    this.element.append(this.handle, stopHandle(this.height));
  }

  /** The node in words: "payment, rolled back, batch 3, had failed". */
  label() {
    const [state, time, faults, failed, breaks] = this.mark;
    const parts = [this.face.names[this.number], this.face.looks[state].word, `batch ${this.face.batch[this.number]}`];
    if (time) parts.push(time);
    if (failed && this.face.looks[state].glyph !== this.face.failed_glyph) parts.push("had failed");
    for (const [, , , words] of faults || []) parts.push(words);
    if (breaks & 1) parts.push(breaks & 4 ? "the run stands before it" : "breakpoint before it");
    if (breaks & 2) parts.push(breaks & 8 ? "the run stands before its rollback" : "breakpoint before its rollback");
    for (const [words] of this.marks.tags) parts.push(words);
    for (const [, kind, rule] of this.doubts) parts.push(`${kind}: ${rule}`);
    return parts.join(", ");
  }

  /** Catch the eye for a moment: this is what just happened. */
  flash() {
    this.halo.animate([{ opacity: 0.9 }, { opacity: 0 }], { duration: 900, easing: "ease-out" });
  }
}

/**
 * The size at which every name fits into its card, the same for all: as large as may be.
 * @param {any} face
 * @param {number[][]} boxes
 */
function nameSize(face, boxes) {
  let size = LARGEST_NAME;
  boxes.forEach((box, number) => {
    const wide = widthOf(face.labels[number], `640 ${LARGEST_NAME}px ${FONT}`);
    const room = box[2] - BESIDE_NAME - new Marks(face, number, box[2], 0).room;
    size = Math.min(size, (LARGEST_NAME * room) / wide);
  });
  return Math.max(size, SMALLEST_NAME);
}
