// @ts-check
// The ledger of effects as a table: what is in the world at the moment that is shown, and what went wrong.

const MOST_EFFECTS = 300;
const NO_EFFECTS = "No effects yet. An action tells of them with context.effect(name, key), its rollback with context.undo_effect(name, key).";

/**
 * @typedef {[seq: number, row: number, world: number, done: number, undone: number, repeats: number, verdicts: number[], by: number[], name?: string, key?: string, details?: string]} Effect
 */

class Ledger {
  /**
   * @param {any} face
   * @param {(node: number) => void} select
   */
  constructor(face, select) {
    this.face = face;
    this.select = select;
    this.node = -1;
    this.sum = html("div", { class: "dnb-ledger-sum", role: "status" });
    this.body = html("tbody");
    this.table = html(
      "table",
      { class: "dnb-effects", "aria-label": "effects" },
      html("thead", {}, html("tr", {}, ...["effect", "key", "in the world", "done", "undone", "by", "verdict"].map((text) => html("th", { scope: "col", text })))),
      this.body,
    );
    this.more = html("div", { class: "dnb-soft" });
    this.world = html("div", { class: "dnb-observed", hidden: true });
    this.element = html("div", { class: "dnb-lines dnb-ledger", tabindex: 0, "aria-label": "ledger" }, this.sum, this.world, this.table, this.more);
    this.badge = html("span", { class: "dnb-tab-badge" });
    this.pending = 0;
    /** What is said of the world, as it came. */
    this.told = "null";
    this.set([]);
  }

  /** @param {Effect[]} rows */
  set(rows) {
    /** @type {Effect[]} */
    this.rows = [];
    /** For each row, the one before it of the same effect. @type {number[]} */
    this.before = [];
    /** Of each effect its last row, and the one that holds at the position. @type {number[]} */
    this.newest = [];
    this.shown = [];
    /** Of each effect, what it is called. @type {any[][]} */
    this.names = [];
    this.count = 0;
    this.to = 0;
    /** How many effects have a verdict, by its number. @type {number[]} */
    this.verdicts = this.face.verdicts.map(() => 0);
    /** @type {Map<number, { text: string, element: any }>} */
    this.drawn = new Map();
    this.moment = /** @type {number | null} */ (null);
    this.add(rows);
  }

  /** @param {Effect[]} rows */
  add(rows) {
    for (const row of rows) {
      const effect = row[1];
      if (effect === this.names.length) {
        this.names.push(row.slice(8));
        this.newest.push(-1);
        this.shown.push(-1);
      }
      this.before.push(this.newest[effect]);
      this.newest[effect] = this.rows.length;
      this.rows.push(row);
    }
    this.seek();
    this.change();
  }

  /** Show how it stood after so many events; null for the present. @param {number | null} moment */
  at(moment) {
    if (moment === this.moment && moment !== null) return;
    this.moment = moment;
    this.world.hidden = this.told === "null" || moment !== null;
    this.seek();
    this.change();
  }

  seek() {
    const moment = this.moment ?? Infinity;
    while (this.to < this.rows.length && this.rows[this.to][0] <= moment) {
      this.turn(this.rows[this.to][1], this.to);
      this.to += 1;
    }
    while (this.to > 0 && this.rows[this.to - 1][0] > moment) {
      this.to -= 1;
      this.turn(this.rows[this.to][1], this.before[this.to]);
    }
  }

  /**
   * @param {number} effect
   * @param {number} place of the row that holds from now on; -1 for none
   */
  turn(effect, place) {
    const old = this.shown[effect];
    if (old >= 0) for (const verdict of this.rows[old][6]) this.verdicts[verdict] -= 1;
    if (place >= 0) for (const verdict of this.rows[place][6]) this.verdicts[verdict] += 1;
    this.count += Number(place >= 0) - Number(old >= 0);
    this.shown[effect] = place;
  }

  /** It is other than before: draw it with the next frame, however much has changed until then. */
  change() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.mark();
      if (!this.element.hidden) this.draw();
    });
  }

  /** It is seen now. */
  down() {
    this.draw();
  }

  /** Say on the tab how many effects there are, and what is wrong with them. */
  mark() {
    const flaw = this.face.verdicts.findIndex((/** @type {any} */ look, /** @type {number} */ verdict) => look.flaw && this.verdicts[verdict]);
    const look = this.face.verdicts[flaw];
    this.badge.textContent = look ? `${look.glyph} ${this.verdicts[flaw]} ${look.word}` : this.count || "";
    this.badge.dataset.state = look ? look.key : "";
    this.badge.classList.toggle("dnb-flawed", Boolean(look));
  }

  draw() {
    this.mark();
    this.sum.replaceChildren(...this.sums());
    this.table.hidden = !this.count;
    const effects = this.chosen();
    const lines = effects.map((effect) => this.line(effect));
    // What stands there already stays: a mark or a focus in it is the reader's.
    lines.forEach((line, place) => {
      if (this.body.children[place] !== line) this.body.insertBefore(line, this.body.children[place] ?? null);
    });
    while (this.body.children.length > lines.length) this.body.lastElementChild.remove();
    const more = this.count - lines.length;
    this.more.textContent = more > 0 ? `and ${more} more effects` : "";
  }

  sums() {
    if (!this.count) return [html("span", { class: "dnb-soft", text: NO_EFFECTS })];
    return this.face.verdicts.flatMap((/** @type {any} */ look, /** @type {number} */ verdict) =>
      this.verdicts[verdict] ? [html("span", { class: "dnb-verdict", "data-state": look.key, text: `${look.glyph} ${this.verdicts[verdict]} ${look.word}` })] : [],
    );
  }

  /** The effects that stand in the table, in their order; of very many, first those with whom something is wrong. */
  chosen() {
    const seen = [];
    for (let effect = 0; effect < this.shown.length; effect += 1) if (this.shown[effect] >= 0) seen.push(effect);
    if (seen.length <= MOST_EFFECTS) return seen;
    const rank = (/** @type {number} */ effect) => this.rows[this.shown[effect]][6][0];
    return seen.sort((one, other) => rank(one) - rank(other) || one - other).slice(0, MOST_EFFECTS).sort((one, other) => one - other);
  }

  /** @param {number} effect */
  line(effect) {
    const row = this.rows[this.shown[effect]];
    const [, , world, done, undone, repeats, verdicts, by] = row;
    const text = `${row.slice(2, 8).join("|")}`;
    const drawn = this.drawn.get(effect);
    if (drawn?.text === text) {
      drawn.element.classList.toggle("dnb-own", by.includes(this.node));
      return drawn.element;
    }
    const [name, key, details] = this.names[effect];
    const looks = verdicts.map((verdict) => this.face.verdicts[verdict]);
    const number = (/** @type {number} */ value, /** @type {string} */ more = "") => html("td", { class: "dnb-count", text: value, title: more || null });
    const element = html(
      "tr",
      { class: by.includes(this.node) ? "dnb-own" : "", title: details || null, onclick: () => by.length && this.select(by[0]) },
      html("td", { text: name }),
      html("td", { class: "dnb-key", text: key }),
      number(world),
      number(done, repeats ? `asked for again ${repeats} times, and nothing changed` : ""),
      number(undone),
      html("td", {}, ...by.flatMap((node, place) => [place ? ", " : "", this.doer(node)])),
      html("td", {}, ...looks.map((look) => html("span", { class: "dnb-verdict", "data-state": look.key, text: `${look.glyph} ${look.word}` }))),
    );
    this.drawn.set(effect, { text, element });
    return element;
  }

  /** @param {number} node */
  doer(node) {
    return html("button", {
      type: "button",
      class: "dnb-doer",
      text: this.face.labels[node],
      title: `select ${this.face.names[node]}`,
      onclick: (/** @type {Event} */ event) => {
        event.stopPropagation();
        this.select(node);
      },
    });
  }

  /**
   * Say how the world is other than before; that is known of the present alone.
   * @param {{ words: string, changes: string[], flaw: boolean } | undefined} told
   */
  observed(told) {
    const text = JSON.stringify(told ?? null);
    if (text === this.told) return;
    this.told = text;
    const left = this.face.verdicts[0];
    this.world.replaceChildren();
    if (told) {
      const mark = told.flaw ? html("b", { class: "dnb-verdict", "data-state": left.key, text: `${left.glyph} ${told.words}` }) : html("span", { text: told.words });
      this.world.append(mark, ...told.changes.map((text) => html("code", { text })));
    }
    this.world.hidden = !told || this.moment !== null;
  }

  /** Show which rows are of the selected action. @param {number} node */
  own(node) {
    this.node = node;
    for (const [effect, { element }] of this.drawn) {
      const by = this.rows[this.shown[effect]]?.[7] ?? [];
      element.classList.toggle("dnb-own", by.includes(node));
    }
  }
}
