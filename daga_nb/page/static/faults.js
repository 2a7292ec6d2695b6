// @ts-check
// Setting what goes wrong at an action: a form that the kernel describes, and what it means in a line of text.

const THINKING = 150;

class FaultEditor {
  /**
   * @param {any} face
   * @param {(command: any) => void} send
   */
  constructor(face, send) {
    this.face = face;
    this.form = face.fault_form;
    this.send = send;
    this.node = -1;
    this.place = 0;
    /** What the kernel has said of the action. @type {any} */
    this.at = null;
    /** What the form was last filled with. */
    this.loaded = "";
    this.waiting = 0;
    this.places = face.places.map((/** @type {string} */ place, /** @type {number} */ index) => this.placeButton(place, index));
    this.kind = select("what happens", Object.keys(this.form.kinds), () => this.arrange());
    this.when = select("when it happens", Object.keys(this.form.whens), () => this.arrange());
    /** @type {Record<string, any>} */
    this.inputs = {};
    /** @type {Record<string, any>} */
    this.rows = {};
    for (const [name, field] of Object.entries(this.form.fields)) this.rows[name] = this.row(name, field);
    this.wrong = html("p", { class: "dnb-wrong", role: "alert", id: unique("wrong") });
    this.text = html("code", { class: "dnb-fault-text" });
    this.python = html("code", { class: "dnb-fault-python" });
    this.copies = [copyButton("the line of text", () => this.text.textContent), copyButton("the Python", () => this.python.textContent)];
    this.plant = button({ label: "Plant", title: "Plant this failure", class: "dnb-plant-it" }, () => this.set());
    this.remove = button({ label: "Remove", title: "Take this failure out again" }, () => this.send({ cmd: "clear", node: this.node, where: this.where }));
    this.plant.dataset.command = "plant";
    this.remove.dataset.command = "clear";
    this.status = html("span", { class: "dnb-soft dnb-fault-status", role: "status" });
    this.fields = html("div", { class: "dnb-fields" }, this.kind, ...this.of("kinds"), this.when, ...this.of("whens"));
    this.body = html(
      "div",
      { class: "dnb-fault-form", id: unique("form"), hidden: true },
      this.fields,
      this.wrong,
      html("div", { class: "dnb-plant-row" }, this.plant, this.remove, this.status),
      html("div", { class: "dnb-means" }, this.text, this.copies[0], this.python, this.copies[1]),
    );
    this.head = html("button", { type: "button", class: "dnb-fault-head", "aria-expanded": "false", "aria-controls": this.body.id, onclick: () => this.unfold(this.body.hidden), text: `${face.fault_glyph} plant a failure` });
    const toggles = html("div", { class: "dnb-toggles", role: "group", "aria-label": "where it fails" }, ...this.places);
    this.element = html("div", { class: "dnb-faults" }, this.head, toggles, this.body);
    this.element.addEventListener("input", () => this.changed());
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && /** @type {Element} */ (event.target).matches("input")) this.set();
    });
  }

  get where() {
    return this.face.places[this.place];
  }

  /** The rows of the fields that belong to kinds, or to whens. @param {"kinds" | "whens"} part */
  of(part) {
    const names = Object.values(this.form[part]).flatMap((/** @type {any} */ one) => one.fields);
    return [...new Set(names)].map((name) => this.rows[name]);
  }

  /**
   * @param {string} place
   * @param {number} index
   */
  placeButton(place, index) {
    const made = button({ label: place, title: this.face.place_words[index], class: "dnb-toggle dnb-place-toggle" }, () => this.open(place));
    made.dataset.place = place;
    return made;
  }

  /**
   * @param {string} name
   * @param {any} field
   */
  row(name, { label, holds, start, least, most, choices, hint }) {
    const common = { title: hint || label, "aria-label": label, "data-field": name, spellcheck: "false", autocomplete: "off" };
    let made;
    if (holds === "choice" || holds === "input") made = select(label, choices, () => {});
    else if (holds === "text" || holds === "code") made = html("input", { type: "text", maxlength: most, class: "dnb-value" });
    else made = html("input", { type: "number", min: least, max: most, step: holds === "whole" ? 1 : "any", required: true, class: "dnb-value" });
    for (const [key, value] of Object.entries(common)) made.setAttribute(key, value);
    made.value = start;
    this.inputs[name] = made;
    return html("label", { class: "dnb-field", "data-row": name }, html("span", { text: label }), made);
  }

  /** Look at one place of the action. @param {string} place */
  open(place) {
    const index = this.face.places.indexOf(place);
    if (index < 0) return;
    this.place = index;
    this.unfold(true);
  }

  /** Show the form, or only the places. @param {boolean} open */
  unfold(open) {
    this.body.hidden = !open;
    this.head.setAttribute("aria-expanded", String(open));
    this.load();
    if (open) this.changed();
  }

  /** Another action is selected. @param {number} node */
  select(node) {
    this.node = node;
    this.at = null;
    this.loaded = "";
    for (const made of [...this.places, this.plant, this.remove]) enable(made, false);
  }

  /** @param {any} told what the kernel says of the selected action */
  look(told) {
    const first = this.at === null;
    this.at = told;
    const planted = told.faults.findIndex((/** @type {any} */ fault) => fault.text);
    if (first) this.place = Math.max(planted, 0);
    if (first) this.clear();
    if (!told.faults[this.place].possible) this.place = 0;
    const names = told.inputs.map((/** @type {string} */ name, /** @type {number} */ index) => html("option", { value: index, text: name }));
    if (first) this.inputs.input.replaceChildren(...names);
    this.load();
  }

  /** Have the form hold what one click plants. */
  clear() {
    [this.kind.value] = Object.keys(this.form.kinds);
    [this.when.value] = Object.keys(this.form.whens);
    for (const [name, field] of Object.entries(this.form.fields)) this.inputs[name].value = field.start;
  }

  /** Fill the form with what is planted at the place, if that is not what stands in it. */
  load() {
    if (!this.at) return;
    const { faults } = this.at;
    const fault = faults[this.place];
    faults.forEach((/** @type {any} */ one, /** @type {number} */ index) => {
      const made = this.places[index];
      enable(made, one.possible);
      made.setAttribute("aria-pressed", String(!this.body.hidden && index === this.place));
      made.dataset.planted = one.text ? this.face.fault_glyph : "";
      made.title = one.possible ? `${this.face.place_words[index]}: ${one.text || "no failure planted"}` : one.refused.raise;
      made.setAttribute("aria-label", made.title);
    });
    const now = JSON.stringify([this.node, this.place, fault.text, fault.refused]);
    if (now === this.loaded) return;
    this.loaded = now;
    for (const option of this.kind.options) {
      const why = fault.refused[option.value];
      option.textContent = this.form.kinds[option.value].words[this.place];
      option.hidden = option.disabled = Boolean(why);
    }
    if (this.kind.selectedOptions[0]?.disabled) this.kind.value = "raise";
    const { kind, when, ...values } = fault.draft ?? {};
    if (kind) {
      this.kind.value = kind;
      this.when.value = when;
      for (const [name, value] of Object.entries(values)) this.inputs[name].value = value;
    }
    this.arrange();
  }

  /** Show the fields that belong to the kind and the moment, and no others. */
  arrange() {
    const { kinds, whens } = this.form;
    const { fields, whens: possible } = kinds[this.kind.value];
    for (const option of this.when.options) {
      option.textContent = whens[option.value].words;
      option.hidden = option.disabled = !possible.includes(option.value);
    }
    if (!possible.includes(this.when.value)) this.when.value = "always";
    const shown = [...fields, ...whens[this.when.value].fields];
    for (const [name, row] of Object.entries(this.rows)) row.hidden = !shown.includes(name);
    this.changed();
  }

  /** The form filled in; null if a number is missing, or out of its bounds. */
  draft() {
    /** @type {Record<string, any>} */
    const draft = { kind: this.kind.value, when: this.when.value };
    for (const name of [...this.form.kinds[draft.kind].fields, ...this.form.whens[draft.when].fields]) {
      const input = this.inputs[name];
      const { holds, least, most } = this.form.fields[name];
      if (!input.checkValidity()) {
        const number = holds === "whole" ? "a whole number" : "a number";
        this.complain(name, `${input.value || "nothing"} is not ${number} from ${least} to ${most.toLocaleString("en")}`);
        return null;
      }
      draft[name] = ["text", "code", "choice"].includes(holds) ? input.value : Number(input.value);
    }
    return draft;
  }

  /** Something was written: ask what it means, when the writing pauses. */
  changed() {
    if (!this.at) return;
    this.complain("", "");
    window.clearTimeout(this.waiting);
    const draft = this.draft();
    const fault = this.at.faults[this.place];
    const same = draft && fault.draft && JSON.stringify(inOrder(fault.draft, draft)) === JSON.stringify(draft);
    this.plant.querySelector("span").textContent = fault.text ? "Change" : "Plant";
    enable(this.plant, Boolean(draft) && !same);
    enable(this.remove, Boolean(fault.text));
    this.remove.hidden = !fault.text;
    this.status.textContent = fault.text ? (same ? "planted" : fault.draft ? "not yet changed" : "another one is planted") : "";
    this.status.title = fault.text;
    if (draft && !this.body.hidden) this.waiting = window.setTimeout(() => this.send({ cmd: "draft", node: this.node, where: this.where, to: draft }), THINKING);
    else this.means("", []);
  }

  /** Plant what stands in the form. */
  set() {
    window.clearTimeout(this.waiting);
    const draft = this.at && this.draft();
    if (draft && this.plant.getAttribute("aria-disabled") !== "true") this.send({ cmd: "plant", node: this.node, where: this.where, to: draft });
  }

  /** What the kernel says of a draft; of an older one nothing is shown. @param {any} told */
  told(told) {
    const of = this.at && this.draft();
    if (told.node !== this.node || told.where !== this.where || !of) return;
    if (JSON.stringify(inOrder(told.of, of)) !== JSON.stringify(of)) return;
    this.complain(told.field ?? "", told.why ?? "");
    this.means(told.text ?? "", told.python ?? []);
    if (told.why) enable(this.plant, false);
  }

  /**
   * @param {string} text
   * @param {string[]} python
   */
  means(text, python) {
    this.text.textContent = text;
    // A line may be broken after a bracket, and not in the middle of a name.
    const parts = python.join("\n").split(/(?<=\()/);
    this.python.replaceChildren(...parts.flatMap((part) => [part, html("wbr")]));
    this.copies.forEach((made) => (made.hidden = !text));
  }

  /**
   * Say at a field what is wrong there.
   * @param {string} name
   * @param {string} why
   */
  complain(name, why) {
    this.wrong.textContent = why;
    const at = name === "kind" ? this.kind : this.inputs[name];
    for (const one of [this.kind, ...Object.values(this.inputs)]) {
      if (one === at) one.setAttribute("aria-invalid", "true");
      else one.removeAttribute("aria-invalid");
      if (one === at) one.setAttribute("aria-describedby", this.wrong.id);
      else one.removeAttribute("aria-describedby");
    }
    if (at) (name === "kind" ? at : this.rows[name]).after(this.wrong);
  }
}

let ids = 0;

/** An id that no other element has. @param {string} word */
function unique(word) {
  ids += 1;
  return `dnb-${word}-${Date.now().toString(36)}-${ids}`;
}

/**
 * The fields of one draft in the order of another.
 * @param {Record<string, any>} draft
 * @param {Record<string, any>} other
 */
function inOrder(draft, other) {
  const names = [...new Set([...Object.keys(other), ...Object.keys(draft)])];
  return Object.fromEntries(names.filter((name) => name in draft).map((name) => [name, draft[name]]));
}
