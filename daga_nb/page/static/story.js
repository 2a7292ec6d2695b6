// @ts-check
// A story to look back at: rows in, and what every card showed after any of them. Nothing is executed.

/**
 * @typedef {[node: number, state: number, time: string, failed: number, at: number]} Row
 */

class Story {
  /** @param {any} face */
  constructor(face) {
    this.face = face;
    this.reset([]);
  }

  /** @param {Row[]} rows */
  reset(rows) {
    const run = this.face.names.length;
    /** @type {Row[]} */
    this.rows = [];
    /** For each row, the row before it of the same action. @type {number[]} */
    this.before = [];
    /** The last row of each action, and of the run: of all, and up to the position. @type {number[]} */
    this.newest = new Array(run + 1).fill(-1);
    this.shown = new Array(run + 1).fill(-1);
    /** Positions where a batch begins, forward or back. @type {number[]} */
    this.stops = [0];
    /** @type {{ way: number, batch: number, nodes: Set<number> }} */
    this.group = { way: 0, batch: 0, nodes: new Set() };
    this.counts = new Array(this.face.looks.length).fill(0);
    this.counts[0] = run;
    this.position = 0;
    this.add(rows);
  }

  get length() {
    return this.rows.length;
  }

  /** @param {Row[]} rows */
  add(rows) {
    for (const row of rows) {
      const slot = this.slot(row);
      this.before.push(this.newest[slot]);
      this.newest[slot] = this.rows.length;
      this.rows.push(row);
      this.note(row);
    }
  }

  /** @param {Row} row */
  slot([node]) {
    return node < 0 ? this.face.names.length : node;
  }

  /** Begin a new group where a start belongs to another batch, or to another attempt, than the one before. @param {Row} row */
  note([node, state]) {
    const look = node < 0 ? null : this.face.looks[state];
    if (!look?.busy) return;
    const way = state === this.face.forward ? 1 : -1;
    const batch = this.face.batch[node];
    const { group } = this;
    if (group.way !== way || group.batch !== batch || group.nodes.has(node)) {
      const place = this.rows.length - 1;
      if (place > 1) this.stops.push(place);
      this.group = { way, batch, nodes: new Set() };
    }
    this.group.nodes.add(node);
  }

  /**
   * Go to a position, and give the actions that look other than before.
   * @param {number} position after how many rows
   */
  seek(position) {
    const to = Math.max(0, Math.min(position, this.length));
    /** @type {Set<number>} */
    const changed = new Set();
    while (this.position !== to) {
      const back = to < this.position;
      const place = back ? this.position - 1 : this.position;
      const slot = this.slot(this.rows[place]);
      this.count(slot, -1);
      this.shown[slot] = back ? this.before[place] : place;
      this.count(slot, 1);
      if (slot < this.face.names.length) changed.add(slot);
      this.position += back ? -1 : 1;
    }
    return changed;
  }

  /**
   * @param {number} slot
   * @param {number} by
   */
  count(slot, by) {
    if (slot < this.face.names.length) this.counts[this.state(slot)] += by;
  }

  /** @param {number} slot */
  state(slot) {
    const place = this.shown[slot];
    return place < 0 ? 0 : this.rows[place][1];
  }

  /**
   * What a card shows at the position; what is planted there is no part of the story.
   * @param {number} node
   * @param {any[]} live
   */
  mark(node, live) {
    const place = this.shown[node];
    const [, state, time, failed] = place < 0 ? [0, 0, "", 0] : this.rows[place];
    return [state, time, live?.[2] ?? 0, failed, live?.[4] ?? 0];
  }

  /** The position of the batch before or after this one. @param {number} way */
  stop(way) {
    const stops = [...this.stops, this.length];
    if (way > 0) return stops.find((place) => place > this.position) ?? this.length;
    return stops.filter((place) => place < this.position).pop() ?? 0;
  }

  /** The last event before the position. */
  get row() {
    return this.position ? this.rows[this.position - 1] : null;
  }

  /** The action that the position is about; -1 for none. */
  get here() {
    return this.row?.[0] ?? -1;
  }

  /** The batch that a run would begin with that is forked here. */
  get batch() {
    const { forward, batch } = this.face;
    for (let place = this.position; place < this.length; place += 1) {
      const [node, state] = this.rows[place];
      if (node >= 0 && state === forward) return batch[node];
    }
    for (let place = this.length - 1; place >= 0; place -= 1) {
      const [node, state] = this.rows[place];
      if (node >= 0 && state === forward) return batch[node];
    }
    return 1;
  }

  /** What is said about the run as a whole at the position. */
  head() {
    const run = this.shown[this.face.names.length];
    const state = run < 0 ? 0 : this.rows[run][1];
    const ways = { running: 1, recovering: -1, "rolling-back": -1 };
    const way = /** @type {any} */ (ways)[this.face.run_looks[state].key] ?? 0;
    return {
      state,
      way,
      next: this.words(),
      front: this.front,
      pivot: this.pivot,
      counts: this.counts.map((count, number) => [number, count]).filter(([, count]) => count),
    };
  }

  /** The point of no return that was passed by then; -1 for none. */
  get pivot() {
    const { pivots, done } = this.face.agreed;
    return pivots.find((/** @type {number} */ node) => this.state(node) === done) ?? -1;
  }

  /** The batch where the run was at work last; what is only abandoned is none. */
  get front() {
    for (let place = this.position - 1; place >= 0; place -= 1) {
      const [node, state] = this.rows[place];
      if (node >= 0 && !this.face.looks[state].struck) return this.face.batch[node];
    }
    return 0;
  }

  words() {
    const { row } = this;
    if (!row) return "before the start";
    const [node, state, time] = row;
    if (node < 0) return `run ${this.face.run_looks[state].word}`;
    const look = this.face.looks[state];
    return `${look.glyph} ${this.face.names[node]} ${look.word}${time ? ` · ${time}` : ""}`;
  }

  /** The run time at the position, in milliseconds. */
  get at() {
    return this.row?.[4] ?? 0;
  }
}
