// @ts-check
// The lab's head and toolbar: what the run is doing, and what can be asked of it.

const BUTTONS = [
  { cmd: "run", icon: "run", label: "Run", key: "Space", title: "Run (Space)", class: "dnb-go" },
  { cmd: "pause", icon: "pause", label: "Pause", title: "Pause (Space)" },
  { cmd: "step", icon: "batch", label: "Batch", key: "N", title: "Step batch (N)" },
  { cmd: "action", icon: "action", label: "Action", key: "A", title: "Step action (A)" },
  null,
  { cmd: "rollback", icon: "back", label: "Roll back", key: "B", title: "Roll back (B)" },
  { cmd: "reset", icon: "reset", label: "Reset", key: "R", title: "Reset (R)" },
  null,
];

const KEYS = [
  ["Space", "run, or pause"],
  ["N", "step a batch"],
  ["A", "step an action"],
  ["B", "roll back"],
  ["R", "reset"],
  ["F", "plant or remove a failure at the selected node"],
  ["Arrows", "select a node"],
  ["+  -  0", "zoom in, zoom out, fit"],
  ["L", "left to right, or top to bottom"],
  ["Escape", "back to the cell"],
];

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

class Bar {
  /**
   * @param {any} model
   * @param {any} face
   * @param {{ send(command: any): void, side(): void, view: Element[] }} asked
   */
  constructor(model, face, asked) {
    this.model = model;
    this.face = face;
    /** @type {Set<string>} */
    this.can = new Set();
    /** @type {Record<string, any>} */
    this.buttons = {};
    this.facts = html("span", { class: "dnb-soft dnb-facts" });
    this.chip = html("span", { class: "dnb-chip", style: `width: ${chipWidth(face)}px` });
    this.progress = html("span", { class: "dnb-progress", role: "progressbar", "aria-label": "progress", "aria-valuemin": 0 });
    this.status = html("span", { class: "dnb-next", role: "status", "aria-live": "polite" });
    this.head = html(
      "div",
      { class: "dnb-head" },
      html("b", { class: "dnb-title", text: face.name, title: face.name }),
      this.facts,
      this.chip,
      this.progress,
      this.status,
    );
    this.slider = html("input", {
      type: "range",
      min: 0,
      max: 100,
      value: Math.round(model.get("speed") * 100),
      "aria-label": "speed",
      title: "Speed: slow enough to follow by eye, or as fast as it goes",
      oninput: () => asked.send({ cmd: "speed", to: Number(this.slider.value) / 100 }),
    });
    this.tools = html("div", { class: "dnb-tools", role: "toolbar", "aria-label": "controls" });
    for (const look of BUTTONS) {
      if (!look) this.tools.append(html("span", { class: "dnb-rule" }));
      else {
        const made = button(/** @type {any} */ (look), () => asked.send({ cmd: look.cmd }));
        made.dataset.command = look.cmd;
        this.buttons[look.cmd] = made;
        this.tools.append(made);
      }
    }
    this.tools.append(
      html("label", { class: "dnb-speed" }, html("span", { class: "dnb-soft", text: "speed" }), this.slider),
      html("span", { class: "dnb-space" }),
      ...asked.view,
      keysButton(),
      button({ icon: "side", label: "Inspector", title: "Inspector: show or hide", class: "dnb-small" }, asked.side),
    );
    model.on("change:speed", () => {
      const value = String(Math.round(model.get("speed") * 100));
      if (!this.slider.matches(":active")) this.slider.value = value;
    });
  }

  /** @param {any} facts */
  lab(facts) {
    this.facts.textContent = [`run ${facts.run}`, facts.input && `input ${facts.input}`].filter(Boolean).join(" · ");
    this.facts.title = this.facts.textContent;
    this.can = new Set(facts.can);
    this.held = facts.held;
    this.pausing = facts.pausing;
    this.possible(true);
    this.word();
  }

  /** @param {any} head */
  show(head) {
    this.last = head;
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
    this.chip.textContent = `${look.glyph} ${this.held ? held : look.word}`;
    const busy = this.last.counts.some((/** @type {number[]} */ [state]) => this.face.looks[state].busy);
    const line = this.pausing && busy ? `pausing after this: ${this.last.next}` : this.last.next;
    if (this.status.textContent !== line) this.status.textContent = line;
    this.status.title = line;
  }

  /** @param {boolean} connected */
  possible(connected) {
    for (const [name, element] of Object.entries(this.buttons)) enable(element, connected && this.can.has(name));
    this.slider.disabled = !connected;
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
    this.can = new Set();
    this.possible(false);
  }
}

function keysButton() {
  const list = html(
    "dl",
    { class: "dnb-keys", role: "tooltip" },
    ...KEYS.flatMap(([key, what]) => [html("dt", { text: key }), html("dd", { text: what })]),
  );
  const opener = button({ icon: "keys", label: "Keys", title: "Keys", class: "dnb-small" }, () =>
    list.classList.toggle("dnb-shown"),
  );
  opener.removeAttribute("title");
  opener.addEventListener("mouseleave", () => list.classList.remove("dnb-shown"));
  return html("span", { class: "dnb-keys-place" }, opener, list);
}
