// @ts-check
// The lab's toolbar: what can be asked of it.

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
  ["S", "stop before the selected node, or its rollback"],
  ["G", "run on to the selected node"],
  ["D", "pause at a failure, or roll back at once"],
  ["T  X  K", "after a failure: retry; fix and resume; skip"],
  ["J", "resume the open run that the journal has"],
  ["C", "scenarios: save, or replay"],
  ["Arrows", "select a node"],
  ["Enter", "in a quiz: say that it is undone next"],
  [",   .", "look back, and on, by event"],
  ["<   >", "look back, and on, by batch"],
  ["H   U", "to the history slider; it moves by event, or by batch"],
  ["P", "play back"],
  ["Home End", "the beginning; the present"],
  ["+  -  0", "zoom in, zoom out, fit"],
  ["L", "left to right, or top to bottom"],
  ["Escape", "back to the cell"],
];

class Bar {
  /**
   * @param {any} model
   * @param {{ send(command: any): void, side(): void, view: Element[] }} asked
   */
  constructor(model, asked) {
    this.model = model;
    /** @type {Set<string>} */
    this.can = new Set();
    this.free = false;
    /** @type {Record<string, any>} */
    this.buttons = {};
    this.slider = html("input", {
      type: "range",
      min: 0,
      max: 100,
      value: Math.round(model.get("speed") * 100),
      "aria-label": "speed",
      title: "Speed: slow enough to follow by eye, or as fast as it goes",
      oninput: () => asked.send({ cmd: "speed", to: Number(this.slider.value) / 100 }),
    });
    this.pauses = html("input", {
      type: "checkbox",
      onchange: () => asked.send({ cmd: "failure", to: this.pauses.checked ? "pause" : "rollback" }),
    });
    this.keeps = html("input", {
      type: "checkbox",
      onchange: () => asked.send({ cmd: "journal", to: this.keeps.checked }),
    });
    this.journal = html("label", { class: "dnb-pauses" }, this.keeps, html("span", { class: "dnb-soft", text: "journal" }));
    this.element = html("div", { class: "dnb-tools", role: "toolbar", "aria-label": "controls" });
    for (const look of BUTTONS) {
      if (!look) this.element.append(html("span", { class: "dnb-rule" }));
      else {
        const made = button(/** @type {any} */ (look), () => asked.send({ cmd: look.cmd }));
        made.dataset.command = look.cmd;
        this.buttons[look.cmd] = made;
        this.element.append(made);
      }
    }
    this.element.append(
      html(
        "label",
        { class: "dnb-pauses", title: "Stop at a failure, before anything is rolled back, and decide (D)" },
        this.pauses,
        html("span", { class: "dnb-soft", text: "pause at failure" }),
      ),
      this.journal,
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
    this.can = new Set(facts.can);
    this.pauses.checked = facts.on_failure === "pause";
    this.keeps.checked = facts.journal.on;
    this.free = facts.journal.free;
    const where = `down in ${facts.journal.file}, so that they survive the kernel`;
    this.journal.title = facts.journal.on ? `Runs are written ${where}` : `Write runs ${where}`;
    this.possible(true);
  }

  /** @param {boolean} connected */
  possible(connected) {
    for (const [name, element] of Object.entries(this.buttons)) enable(element, connected && this.can.has(name));
    this.slider.disabled = this.pauses.disabled = !connected;
    this.keeps.disabled = !connected || !this.free;
  }

  lose() {
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
