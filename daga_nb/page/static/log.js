// @ts-check
// The log and the lines of Python: newest visible, unless the reader has scrolled up. It follows the slider.

const SEEN = 300;
const AT_ONCE = 20;
const SOON = 250;
const KEPT = 20000;

class Lines {
  /**
   * @param {string} label
   * @param {(line: any) => Element} draw
   */
  constructor(label, draw) {
    this.draw = draw;
    /** @type {any[]} */
    this.data = [];
    /** Which of the lines stand in the page: from, to. */
    this.from = this.to = 0;
    this.filling = 0;
    this.element = html("div", { class: "dnb-lines", role: "log", "aria-label": label, tabindex: 0, "aria-live": "off" });
  }

  /**
   * @param {any[]} lines
   * @param {boolean} [now] whether they are to be seen now
   */
  add(lines, now = true) {
    const seen = now && this.to === this.data.length;
    const box = this.element;
    const stuck = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    this.data.push(...lines);
    if (this.data.length > KEPT) this.set(this.data.slice(-KEPT / 2));
    else if (seen) this.show(this.data.length);
    if (stuck && seen) this.down();
  }

  /** @param {any[]} lines */
  set(lines) {
    this.data = [...lines];
    this.element.replaceChildren();
    this.from = this.to = 0;
    this.show(this.data.length);
    this.down();
  }

  /** Show the lines up to a place: at once what the eye can take in, the ones before a moment later. @param {number} to */
  show(to) {
    const box = this.element;
    if (to < this.from || to - this.to > AT_ONCE) {
      this.from = this.to = Math.max(0, to - AT_ONCE);
      box.replaceChildren();
    }
    while (this.to > to) {
      box.lastElementChild?.remove();
      this.to -= 1;
    }
    if (this.to < to) box.append(...this.data.slice(this.to, to).map(this.draw));
    this.to = to;
    while (this.to - this.from > SEEN) {
      box.firstElementChild?.remove();
      this.from += 1;
    }
    if (this.from > to - AT_ONCE / 2) this.before(to - AT_ONCE);
    window.clearTimeout(this.filling);
    if (this.from > to - SEEN / 2 && this.from > 0) this.filling = window.setTimeout(() => this.before(this.to - SEEN / 2), SOON);
  }

  /** Have the lines from this place on stand before what is shown, which stays where it is. @param {number} place */
  before(place) {
    const box = this.element;
    const least = Math.max(0, place);
    if (this.from <= least) return;
    const below = box.scrollHeight - box.scrollTop;
    box.prepend(...this.data.slice(least, this.from).map(this.draw));
    this.from = least;
    box.scrollTop = box.scrollHeight - below;
  }

  down() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}

class Log {
  /**
   * @param {any} face
   * @param {[string, { element: any, badge?: any, down(): void }][]} more other tabs
   * @param {boolean} python whether lines of Python are told
   */
  constructor(face, more, python) {
    this.face = face;
    this.story = new Lines("log", (line) => this.row(line));
    this.python = new Lines("the same in Python", codeRow);
    /** @type {[string, any][]} */
    this.pages = [["Log", this.story], ...(python ? [/** @type {[string, any]} */ (["Python", this.python])] : []), ...more];
    this.tabs = this.pages.map(([name], index) =>
      html("button", { type: "button", role: "tab", class: "dnb-tab", onclick: () => this.show(index) }, name),
    );
    this.pages.forEach(([, page], index) => page.badge && this.tabs[index].append(" ", page.badge));
    this.latest = html("code", { class: "dnb-latest", title: "What the last click would be in Python" });
    this.seen = html("span", { class: "dnb-soft dnb-seen" });
    this.element = html(
      "div",
      { class: "dnb-foot" },
      html("div", { class: "dnb-tabs", role: "tablist" }, ...this.tabs, html("span", { class: "dnb-space" }), this.seen, this.latest),
      ...this.pages.map(([, page]) => page.element),
    );
    /** The moment that is shown; null for the present. @type {number | null} */
    this.moment = null;
    this.show(0);
  }

  /** @param {number} which */
  show(which) {
    this.pages.forEach(([, page], index) => {
      page.element.hidden = index !== which;
      this.tabs[index].setAttribute("aria-selected", String(index === which));
      if (index === which) page.down();
    });
  }

  /** @param {any} now */
  snapshot(now) {
    this.story.set(now.log ?? []);
    this.python.set(now.python ?? []);
    this.newest(now.python);
  }

  /** @param {any} delta */
  change(delta) {
    if (delta.log) this.story.add(delta.log, this.moment === null);
    if (delta.python) this.python.add(delta.python);
    this.newest(delta.python);
  }

  /** Show what stood there after so many events; null for the present. @param {number | null} position */
  at(position) {
    this.moment = position;
    const lines = this.story.data;
    let to = lines.length;
    if (position !== null) while (to > 0 && lines[to - 1][6] > position) to -= 1;
    if (to === this.story.to && position === null) return;
    this.story.show(to);
    this.story.down();
  }

  /** Say which actions have been seen failing, over all runs. @param {any} facts */
  lab({ seen }) {
    if (!seen) return;
    const [names, all] = seen;
    this.seen.textContent = names.length ? `${names.length} of ${all} seen failing` : "";
    this.seen.title = names.map((/** @type {number} */ node) => this.face.names[node]).join(", ");
  }

  /** @param {string[] | undefined} lines */
  newest(lines) {
    if (lines?.length) this.latest.textContent = lines[lines.length - 1];
  }

  /** @param {any[]} line */
  row([kind, time, state, place, words, more]) {
    const looks = kind === "run" ? this.face.run_looks : this.face.looks;
    const look = state >= 0 ? looks[state] : null;
    const mark = html("b", { text: look ? `${look.glyph} ${words}` : words });
    if (look) mark.dataset[kind === "run" ? "run" : "state"] = look.key;
    return html(
      "div",
      { class: kind === "node" ? "dnb-row" : `dnb-row dnb-${kind}` },
      html("span", { class: "dnb-time", text: time }),
      html("span", { class: "dnb-place", text: place }),
      html("span", { class: "dnb-words" }, mark, more ? html("span", { class: "dnb-more", text: more }) : ""),
    );
  }
}

/** @param {string} line */
function codeRow(line) {
  return html("div", { class: "dnb-row dnb-code-row", text: line });
}
