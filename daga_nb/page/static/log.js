// @ts-check
// The log and the lines of Python: bounded, newest visible, unless the reader has scrolled up.

const KEPT = 500;

class Lines {
  /** @param {string} label */
  constructor(label) {
    this.element = html("div", { class: "dnb-lines", role: "log", "aria-label": label, tabindex: 0, "aria-live": "off" });
  }

  /** @param {Element[]} rows */
  add(rows) {
    const box = this.element;
    const stuck = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    box.append(...rows.slice(-KEPT));
    while (box.childElementCount > KEPT) box.firstElementChild?.remove();
    if (stuck) this.down();
  }

  /** @param {Element[]} rows */
  set(rows) {
    this.element.replaceChildren(...rows.slice(-KEPT));
    this.down();
  }

  down() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}

class Log {
  /** @param {any} face */
  constructor(face) {
    this.face = face;
    this.story = new Lines("log");
    this.python = new Lines("the same in Python");
    this.tabs = [
      this.tab("Log", this.story),
      this.tab("Python", this.python),
    ];
    this.latest = html("code", { class: "dnb-latest", title: "What the last click would be in Python" });
    this.element = html(
      "div",
      { class: "dnb-foot" },
      html("div", { class: "dnb-tabs", role: "tablist" }, ...this.tabs, html("span", { class: "dnb-space" }), this.latest),
      this.story.element,
      this.python.element,
    );
    this.show(0);
  }

  /**
   * @param {string} name
   * @param {Lines} lines
   */
  tab(name, lines) {
    return html("button", {
      type: "button",
      role: "tab",
      class: "dnb-tab",
      text: name,
      onclick: () => this.show(lines === this.story ? 0 : 1),
    });
  }

  /** @param {number} which */
  show(which) {
    [this.story, this.python].forEach((lines, index) => {
      lines.element.hidden = index !== which;
      this.tabs[index].setAttribute("aria-selected", String(index === which));
      if (index === which) lines.down();
    });
  }

  /** @param {any} now */
  snapshot(now) {
    this.story.set((now.log ?? []).map((/** @type {any[]} */ line) => this.row(line)));
    this.python.set((now.python ?? []).map(codeRow));
    this.newest(now.python);
  }

  /** @param {any} delta */
  change(delta) {
    if (delta.log) this.story.add(delta.log.map((/** @type {any[]} */ line) => this.row(line)));
    if (delta.python) this.python.add(delta.python.map(codeRow));
    this.newest(delta.python);
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
      { class: `dnb-row dnb-${kind}` },
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
