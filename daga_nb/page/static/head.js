// @ts-check
// The head of a lab: what is shown, how far it is, and what comes next.

const HELD = "paused";
const HELD_BACK = "paused, going back";

/**
 * As wide as its longest word, so that what stands beside it never moves.
 * @param {any} face
 */
function chipWidth(face) {
  const words = [...face.run_looks.map((/** @type {any} */ look) => look.word), HELD_BACK];
  return Math.ceil(Math.max(...words.map((word) => widthOf(`◐ ${word}`, `640 13px ${FONT}`)))) + 26;
}

class Head {
  /** @param {any} face */
  constructor(face) {
    this.face = face;
    this.facts = html("span", { class: "dnb-soft dnb-facts" });
    this.id = "";
    this.copy = copyButton("the id of this run", () => this.id);
    this.copy.hidden = true;
    this.chip = html("span", { class: "dnb-chip", style: `width: ${chipWidth(face)}px` });
    const pivots = face.agreed.pivots;
    /** It takes its room from the start: nothing moves when the pivot is passed. */
    this.pivot = html("span", { class: "dnb-past-pivot", hidden: !pivots.length }, "◆ past the pivot ", html("b"));
    this.progress = html("span", { class: "dnb-progress", role: "progressbar", "aria-label": "progress", "aria-valuemin": 0 });
    this.status = html("span", { class: "dnb-next", role: "status", "aria-live": "polite" });
    this.element = html(
      "div",
      { class: "dnb-head" },
      html("b", { class: "dnb-title", text: face.name, title: face.name }),
      this.facts,
      this.copy,
      this.chip,
      this.pivot,
      this.progress,
      this.status,
    );
    this.held = this.pausing = this.past = false;
    this.passed(-1);
  }

  /** Say that the run has passed a point of no return; -1 for none. @param {number} node */
  passed(node) {
    const [first] = this.face.agreed.pivots;
    if (first === undefined) return;
    this.pivot.classList.toggle("dnb-passed", node >= 0);
    this.pivot.querySelector("b").textContent = this.pivot.title = this.face.labels[node >= 0 ? node : first];
  }

  /** @param {any} facts */
  lab(facts) {
    this.id = facts.journal?.id ?? "";
    this.copy.hidden = !this.id;
    const parts = [`run ${facts.run}`, this.id, facts.input && `input ${facts.input}`];
    this.facts.textContent = parts.filter(Boolean).join(" · ");
    this.facts.title = this.facts.textContent;
    this.held = Boolean(facts.held);
    this.pausing = Boolean(facts.pausing);
    this.word();
  }

  /**
   * @param {any} head
   * @param {boolean} past whether this is a moment of the past
   */
  show(head, past) {
    this.last = head;
    this.passed(head.pivot ?? -1);
    this.past = past;
    const total = this.face.names.length;
    const idle = this.face.looks[0].key;
    let done = 0;
    const busy = (/** @type {number[]} */ [state]) => Number(this.face.looks[state].busy);
    this.progress.replaceChildren(
      ...[...head.counts].sort((one, other) => busy(one) - busy(other)).flatMap((/** @type {number[]} */ [state, count]) => {
        const key = this.face.looks[state].key;
        if (key === idle) return [];
        done += count;
        return [html("i", { "data-state": key, style: `width: ${(100 * count) / total}%` })];
      }),
    );
    this.progress.setAttribute("aria-valuemax", String(total));
    this.progress.setAttribute("aria-valuenow", String(done));
    const words = head.counts.map((/** @type {number[]} */ [state, count]) => `${count} ${this.face.looks[state].word}`);
    this.progress.title = words.join(", ");
    this.progress.setAttribute("aria-valuetext", words.join(", "));
    this.word();
  }

  word() {
    if (!this.last) return;
    const look = this.face.run_looks[this.last.state];
    this.chip.dataset.run = look.key;
    const held = this.last.way < 0 ? HELD_BACK : HELD;
    this.chip.textContent = `${look.glyph} ${this.held && !this.past ? held : look.word}`;
    const busy = this.last.counts.some((/** @type {number[]} */ [state]) => this.face.looks[state].busy);
    const pausing = this.pausing && busy && !this.past;
    this.say(this.past ? `looking back: ${this.last.next}` : pausing ? `pausing after this: ${this.last.next}` : this.last.next);
  }

  /** @param {string} line */
  say(line) {
    if (this.status.textContent !== line) this.status.textContent = line;
    this.status.title = line;
  }
}
