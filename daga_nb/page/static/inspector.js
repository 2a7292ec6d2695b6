// @ts-check
// The inspector: one action from all sides, and the place where a failure is planted in it.

class Inspector {
  /**
   * @param {any} face
   * @param {((command: any) => void) | undefined} send nothing can be planted without
   */
  constructor(face, send) {
    this.face = face;
    this.send = send;
    this.node = -1;
    /** @type {Record<string, string>} */
    this.drawn = {};
    this.title = html("h4");
    this.state = html("div", { class: "dnb-soft dnb-inspector-state" });
    this.agreed = html("dl", { class: "dnb-agreed-row" });
    this.rows = html("dl");
    this.doubts = html("div", { class: "dnb-doubts" });
    this.errors = html("div");
    /** The moment that is shown; null for the present. @type {number | null} */
    this.moment = null;
    /** @type {any} */
    this.told = null;
    this.sources = html("div");
    this.events = html("div");
    this.faults = send && new FaultEditor(face, send);
    this.until = button({ label: "run to it", title: "Run on until it is the next to start (G)", class: "dnb-toggle" }, () => send?.({ cmd: "until", node: this.node }));
    this.stops = face.phases.map((/** @type {string} */ phase, /** @type {number} */ index) => this.stop(phase, index));
    this.body = html(
      "div",
      { class: "dnb-inspector-body", hidden: true },
      this.title,
      this.state,
      html(
        "div",
        { class: "dnb-plant", hidden: !send },
        this.faults?.element ?? "",
        html("div", { class: "dnb-label" }, html("span", { text: "stop before" })),
        html("div", { class: "dnb-toggles dnb-stop-toggles" }, ...this.stops, this.until),
      ),
      this.agreed,
      this.errors,
      this.rows,
      this.doubts,
      this.sources,
      this.events,
    );
    this.hint = html(
      "div",
      { class: "dnb-hint" },
      html("p", { text: "Click an action, or walk with the arrow keys, to look into it." }),
      ...(send
        ? [
            html("p", { text: `Press F on it, or use its ${face.fault_glyph}, to plant a failure: before its effect, after it, or in its rollback.` }),
            html("p", { text: "Press S to stop before it, or before its rollback." }),
          ]
        : []),
      html("p", { text: "The slider below looks back, event by event or batch by batch." }),
      ...doubtRows(face.doubts.flow.map((/** @type {number} */ number) => face.doubts.texts[number])),
    );
    this.scroll = html("div", { class: "dnb-inspector-scroll", tabindex: -1 }, this.hint, this.body);
    this.element = html("aside", { class: "dnb-inspector", "aria-label": "inspector" }, this.scroll);
  }

  /**
   * @param {string} phase
   * @param {number} index
   */
  stop(phase, index) {
    const words = index ? "its rollback" : "the action";
    return button({ label: words, title: `stop before ${words}, or not`, class: "dnb-toggle" }, () =>
      this.send?.({ cmd: "stop", node: this.node, to: phase }),
    );
  }

  /** @param {number} node */
  select(node) {
    if (node === this.node) return;
    this.node = node;
    this.told = null;
    this.drawn = {};
    this.hint.hidden = true;
    this.body.hidden = false;
    this.title.textContent = this.face.names[node];
    for (const section of [this.rows, this.errors, this.sources, this.events]) section.replaceChildren();
    this.agreed.replaceChildren(...agreedRow(this.face, node));
    this.doubts.replaceChildren(...doubtRows(doubtsOf(this.face, node)));
    this.faults?.select(node);
    for (const made of this.stops) enable(made, false);
    this.scroll.scrollTop = 0;
  }

  /** @param {any[] | undefined} mark */
  mark(mark) {
    if (!mark) return;
    const look = this.face.looks[mark[0]];
    const failed = mark[3] && look.glyph !== this.face.failed_glyph ? " · had failed" : "";
    this.state.replaceChildren(
      html("b", { "data-state": look.key, text: `${look.glyph} ${look.word}` }),
      ` · batch ${this.face.batch[this.node]}${failed}`,
    );
  }

  /**
   * @param {any} told
   * @param {any[]} mark
   */
  look(told, mark) {
    if (told.node !== this.node) return;
    this.told = told;
    this.mark(mark);
    this.draw();
    this.part("sources", told.sources ?? [], this.sources, (sources) =>
      sources.flatMap(([label, text]) => [
        html("div", { class: "dnb-label", text: label }),
        html("pre", { class: "dnb-code", text }),
      ]),
    );
    if (!told.faults) return;
    this.faults?.look(told);
    this.face.phases.forEach((/** @type {string} */ phase, /** @type {number} */ index) => {
      enable(this.stops[index], index === 0 || told.faults[told.faults.length - 1].possible);
      this.stops[index].setAttribute("aria-pressed", String(told.stops.includes(phase)));
    });
  }

  /** Show the action as it was after so many events; null for the present. @param {number | null} moment */
  at(moment) {
    this.moment = moment;
    this.draw();
  }

  draw() {
    const { told, moment } = this;
    if (!told) return;
    const { rows, errors } = moment === null && told.rows ? told : this.then(told, moment ?? Infinity);
    const events = moment === null ? told.events : told.events.filter((/** @type {any[]} */ event) => event[3] <= moment);
    this.part("rows", rows, this.rows, (rows) =>
      rows.flatMap(([label, text]) => [html("dt", { text: label }), html("dd", { text })]),
    );
    this.part("errors", errors, this.errors, (errors) =>
      errors.flatMap(([label, text]) => [
        html("div", { class: "dnb-label", text: label }),
        html("pre", { class: "dnb-code dnb-error-code", text }),
      ]),
    );
    this.part("events", events, this.events, (events) =>
      events.length ? [html("div", { class: "dnb-label", text: "events" }), ...events.map(eventRow)] : [],
    );
  }

  /**
   * What was known of the action after so many events: what came later is left out.
   * @param {any} told
   * @param {number} moment
   */
  then(told, moment) {
    /** @type {any} */
    const known = {};
    for (const [seq, change] of told.history) if (seq <= moment) Object.assign(known, change);
    const some = (/** @type {string[]} */ labels) => labels.filter((label) => known[label]).map((label) => [label, known[label]]);
    return { rows: some(this.face.facts), errors: some(["failed", "rollback failed"]) };
  }

  /**
   * Draw a part again only if it has changed: what the reader marks or scrolls stays.
   * @param {string} name
   * @param {any} value
   * @param {any} place
   * @param {(value: any) => Node[]} draw
   */
  part(name, value, place, draw) {
    const text = JSON.stringify(value);
    if (this.drawn[name] === text) return;
    this.drawn[name] = text;
    place.replaceChildren(...draw(value));
  }
}

/** @param {string[]} event */
function eventRow([time, word, reason]) {
  return html(
    "div",
    { class: "dnb-event" },
    html("span", { class: "dnb-soft", text: time }),
    html("span", { text: reason ? `${word}: ${reason}` : word }),
  );
}
