// @ts-check
// What the journal has to say: an open run that was found, or why nothing can be written down.

class Notice {
  /**
   * @param {any} face
   * @param {(command: any) => void} send
   */
  constructor(face, send) {
    this.face = face;
    this.words = html("b", { class: "dnb-notice-words" });
    this.then = html("span", { class: "dnb-notice-then" });
    this.more = html("span", { class: "dnb-soft dnb-notice-more" });
    this.buttons = {
      resume: button({ icon: "run", label: "Resume", key: "J", title: "Go on with this run from where it stands (J)", class: "dnb-go" }, () => send({ cmd: "resume" })),
      rollback: button({ icon: "back", label: "Roll back", key: "B", title: "Undo what it has done (B)" }, () => send({ cmd: "rollback" })),
      older: button({ icon: "next", label: "Next open run", title: "Show the next open run in the journal, an older one" }, () => send({ cmd: "older" })),
      leave: button({ label: "Leave it", title: "Begin a new run; this one stays open in the journal" }, () => send({ cmd: "leave" })),
      find: button({ icon: "reset", label: "Try again", title: "Look whether the journal can be used now" }, () => send({ cmd: "find" })),
    };
    for (const [command, made] of Object.entries(this.buttons)) made.dataset.command = command;
    this.element = html(
      "div",
      { class: "dnb-notice", role: "status", "aria-live": "polite", hidden: true },
      html("div", { class: "dnb-notice-text" }, this.words, this.then),
      html("div", { class: "dnb-notice-row" }, this.more, ...Object.values(this.buttons)),
    );
  }

  /** @param {any} facts */
  lab(facts) {
    keepFocus(this.element, () => this.show(facts.notice, new Set(facts.can)));
  }

  /** Nothing can be asked for: there is no kernel. */
  hide() {
    keepFocus(this.element, () => (this.element.hidden = true));
  }

  /**
   * @param {any} notice
   * @param {Set<string>} can
   */
  show(notice, can) {
    this.element.hidden = !notice;
    if (!notice) return;
    this.element.dataset.kind = notice.kind;
    const glyph = notice.kind === "found" ? this.face.looks.find((/** @type {any} */ look) => look.key === "unknown").glyph : this.face.failed_glyph;
    this.words.textContent = `${glyph} ${notice.words}`;
    this.then.textContent = notice.then;
    this.more.textContent = notice.more ? `and ${notice.more} more open` : "";
    for (const [command, made] of Object.entries(this.buttons)) {
      enable(made, can.has(command));
      made.hidden = !can.has(command) || (command === "rollback" && notice.kind !== "found");
    }
  }
}
