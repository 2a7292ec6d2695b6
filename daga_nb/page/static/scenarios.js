// @ts-check
// Scenarios: what is planted now gets a name and a file, and what was saved is replayed.

class Scenarios {
  /** @param {(command: any) => void} send */
  constructor(send) {
    this.send = send;
    this.name = html("input", {
      class: "dnb-value",
      type: "text",
      maxlength: 80,
      placeholder: "a name",
      "aria-label": "name of the scenario",
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.save(),
    });
    this.list = html("div", { class: "dnb-scenario-list" });
    this.panel = html(
      "div",
      {
        class: "dnb-scenarios",
        role: "dialog",
        "aria-label": "scenarios",
        hidden: true,
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      },
      html("div", { class: "dnb-soft", text: "Save the failures, the breakpoints and the input as they are now:" }),
      html("div", { class: "dnb-scenario-row" }, this.name, button({ label: "Save", title: "Save, beside the notebook" }, () => this.save())),
      html("div", { class: "dnb-soft", text: "Replay one that was saved beside the notebook:" }),
      this.list,
    );
    this.opener = button({ label: "Scenarios", icon: "scenario", title: "Scenarios: save, or replay (C)", class: "dnb-small" }, () => this.turn());
    this.opener.setAttribute("aria-expanded", "false");
    this.element = html("span", { class: "dnb-scenarios-place" }, this.opener, this.panel);
    this.show([]);
  }

  turn() {
    keepFocus(this.panel, () => (this.panel.hidden = !this.panel.hidden));
    this.opener.setAttribute("aria-expanded", String(!this.panel.hidden));
    if (!this.panel.hidden) {
      this.send({ cmd: "scenarios" });
      this.name.focus();
    }
  }

  /** Escape closes the panel, and no more. @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.turn();
  }

  save() {
    if (this.name.value.trim()) this.send({ cmd: "keep", to: this.name.value.trim() });
  }

  /** @param {string[]} files */
  show(files) {
    this.list.replaceChildren(
      ...(files.length
        ? files.map((file) =>
            button({ icon: "run", label: file, title: `Replay ${file}` }, () => {
              this.turn();
              this.send({ cmd: "replay", to: file });
            }),
          )
        : [html("span", { class: "dnb-soft", text: "none yet" })]),
    );
  }
}
