// @ts-check
// After a failure: what becomes of it. Stands where the legend is, so that nothing moves.

class Decide {
  /**
   * @param {any} face
   * @param {(command: any) => void} send
   */
  constructor(face, send) {
    this.face = face;
    this.send = send;
    /** @type {number[]} */
    this.failed = [];
    this.words = html("span", { class: "dnb-decide-words", role: "status", "aria-live": "polite" });
    this.which = html("select", { class: "dnb-kind", "aria-label": "which of the failed actions" });
    this.value = html("input", {
      class: "dnb-value",
      type: "text",
      maxlength: 2000,
      placeholder: "None",
      spellcheck: "false",
      "aria-label": "the value to skip with, as Python writes it",
      title: "The value that it counts as having given: 42, 'text', [1, 2], None (K)",
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.skip(),
    });
    this.buttons = {
      retry: button({ icon: "reset", label: "Retry", key: "T", title: "Call it once more (T)" }, () => this.retry()),
      fix: button({ icon: "run", label: "Fix and resume", key: "X", title: "Call it once more, with the function as it is defined now, and go on (X)" }, () => this.fix()),
      skip: button({ icon: "action", label: "Skip with", title: "Go on as if it had given this value" }, () => this.skip()),
      use: button({ icon: "action", label: "Use it", title: "Use from now on what is defined anew" }, () => this.send({ cmd: "use" })),
      rollback: button({ icon: "back", label: "Roll back", key: "B", title: "Undo what is done (B)" }, () => this.send({ cmd: "rollback" })),
    };
    this.ignored = this.latest = "";
    this.ignore = button({ label: "Ignore", title: "Go on with the function as it was" }, () => {
      this.ignored = this.latest;
      this.element.hidden = true;
    });
    for (const [command, made] of Object.entries(this.buttons)) made.dataset.command = command;
    this.anew = html("button", { type: "button", class: "dnb-anew", hidden: true, title: "What is other than before", onclick: () => this.open() });
    this.change = html("pre", { class: "dnb-code dnb-diff", hidden: true });
    this.element = html(
      "div",
      { class: "dnb-decide", role: "group", "aria-label": "what becomes of the failure", hidden: true },
      this.change,
      html("div", { class: "dnb-decide-row" }, this.words, this.which, this.anew, this.buttons.retry, this.buttons.fix, this.buttons.use, this.ignore, this.buttons.skip, this.value, this.buttons.rollback),
    );
  }

  /** @param {any} facts */
  lab(facts) {
    keepFocus(this.element, () => this.show(facts));
  }

  /** Nothing can be decided: there is no kernel. */
  hide() {
    keepFocus(this.element, () => (this.element.hidden = true));
    for (const made of Object.values(this.buttons)) enable(made, false);
  }

  /** @param {any} facts */
  show(facts) {
    const can = new Set(facts.can);
    this.failed = facts.failed ?? [];
    const redefined = facts.redefined ?? [];
    const key = JSON.stringify(redefined);
    if (key !== this.ignored) this.ignored = "";
    const shown = this.failed.length > 0 || (redefined.length > 0 && !this.ignored);
    this.latest = key;
    if (this.element.hidden === shown) this.element.hidden = !shown;
    if (!shown) this.change.hidden = true;
    const name = (/** @type {number} */ node) => this.face.labels[node];
    const listed = (/** @type {number[]} */ nodes) => nodes.slice(0, 3).map(name).join(", ") + (nodes.length > 3 ? ` and ${nodes.length - 3} more` : "");
    const back = facts.undoing ? "the rollback of " : "";
    const unknown = facts.unknown ?? [];
    const failed = this.failed.filter((node) => !unknown.includes(node));
    const parts = [failed.length && `${back}${listed(failed)} failed`, unknown.length && `nobody knows whether ${listed(unknown)} happened`].filter(Boolean);
    this.words.textContent = parts.length ? `${failed.length ? this.face.failed_glyph : "?"} ${parts.join(", and ")}: what now?` : "";
    this.choose();
    for (const [command, made] of Object.entries(this.buttons)) enable(made, can.has(command));
    this.value.disabled = !can.has("skip");
    for (const part of [this.buttons.skip, this.value]) part.hidden = back !== "" || !this.failed.length;
    this.buttons.rollback.hidden = !can.has("rollback") || !this.failed.length || facts.notice?.kind === "found"; // it stands there
    this.buttons.retry.hidden = this.buttons.fix.hidden = !this.failed.length;
    this.ignore.hidden = this.failed.length > 0;
    this.buttons.use.hidden = this.failed.length > 0 || !can.has("use");
    this.element.classList.toggle("dnb-quiet", !this.failed.length);
    this.anew.hidden = !redefined.length;
    this.anew.textContent = redefined.map((/** @type {any} */ one) => `${one.name} ${one.words}`).join("; ");
    this.anew.title = this.anew.textContent;
    const diff = redefined.map((/** @type {any} */ one) => one.diff).filter(Boolean).join("\n");
    if (this.change.textContent !== diff) {
      this.change.replaceChildren(...diff.split("\n").map(diffLine));
      if (!diff) this.change.hidden = true;
    }
  }

  choose() {
    this.which.hidden = this.failed.length < 2;
    const key = this.failed.join();
    if (this.which.dataset.key === key) return;
    this.which.dataset.key = key;
    this.value.value = "";
    this.which.replaceChildren(
      html("option", { value: "-1", text: "all of them" }),
      ...this.failed.map((node) => html("option", { value: node, text: this.face.labels[node] })),
    );
  }

  get chosen() {
    const one = Number(this.which.value);
    return this.failed.includes(one) && this.failed.length > 1 ? [one] : this.failed;
  }

  open() {
    this.change.hidden = !this.change.hidden;
  }

  retry() {
    const { chosen } = this;
    if (chosen.length === this.failed.length) this.send({ cmd: "retry" });
    else this.send({ cmd: "again", node: chosen[0] });
  }

  fix() {
    this.send({ cmd: "fix" });
  }

  /** Go to the value to skip with. */
  ask() {
    if (!this.value.disabled && !this.element.hidden) this.value.focus();
  }

  skip() {
    for (const node of this.chosen) this.send({ cmd: "skip", node, to: this.value.value });
  }
}

/** @param {string} line */
function diffLine(line) {
  const sign = line.startsWith("+") && !line.startsWith("+++") ? "more" : line.startsWith("-") && !line.startsWith("---") ? "less" : "same";
  return html("span", { class: `dnb-diff-line dnb-${sign}`, text: line || " " });
}
