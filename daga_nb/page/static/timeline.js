// @ts-check
// A bar for each call and each rollback over run time; a click goes to that moment.

const MOST_ROWS = 300;
const ROW = 20;
const BESIDE = 150;
const ABOVE = 22;
const LEAST = 3;

class Timeline {
  /**
   * @param {any} face
   * @param {Story} story
   * @param {(position: number) => void} go
   */
  constructor(face, story, go) {
    this.face = face;
    this.story = story;
    this.go = go;
    this.element = html("div", { class: "dnb-lines dnb-timeline", tabindex: 0, "aria-label": "timeline" });
    this.pending = 0;
    this.sizes = new ResizeObserver(() => this.element.clientWidth && this.draw());
    this.sizes.observe(this.element);
  }

  /** More has happened. */
  change() {
    if (this.pending || this.element.hidden) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  /** It is seen now. */
  down() {
    this.draw();
  }

  get bars() {
    /** @type {Map<number, { start: number, state: number }>} */
    const begun = new Map();
    /** @type {{ node: number, start: number, end: number, state: number, back: boolean }[]} */
    const bars = [];
    /** @param {number} node @param {number} end @param {number} state */
    const close = (node, end, state) => {
      const one = begun.get(node);
      if (!one) return;
      begun.delete(node);
      bars.push({ node, start: one.start, end, state, back: one.state !== this.face.forward });
    };
    for (const [node, state, , , at] of this.story.rows) {
      if (node < 0) continue;
      close(node, at, state);
      if (this.face.looks[state].busy) begun.set(node, { start: at, state });
    }
    for (const [node, { state }] of [...begun]) close(node, this.end, state);
    return bars;
  }

  get end() {
    return this.story.rows.at(-1)?.[4] ?? 0;
  }

  draw() {
    const width = this.element.clientWidth - 28;
    if (this.element.hidden || width < 100) return;
    const bars = this.bars;
    const rows = new Map();
    for (const { node } of [...bars].sort((one, other) => one.node - other.node)) {
      if (!rows.has(node) && rows.size < MOST_ROWS) rows.set(node, rows.size);
    }
    this.rows = rows;
    if (!rows.size) {
      this.element.replaceChildren(html("div", { class: "dnb-soft", text: "nothing has run yet" }));
      return;
    }
    const end = this.end || 1;
    this.x = (/** @type {number} */ at) => BESIDE + ((width - BESIDE - 12) * at) / end;
    const height = ABOVE + rows.size * ROW + 4;
    const scene = svg("svg", { class: "dnb-times", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "timeline of the run" });
    for (const at of ticks(end, Math.max(2, Math.floor((width - BESIDE) / 110)))) {
      const x = this.x(at);
      scene.append(
        svg("line", { class: "dnb-tick", x1: x, x2: x, y1: ABOVE - 4, y2: height }),
        svg("text", { class: "dnb-tick-word", x, y: 9, text: at < 1000 && end < 5000 ? `${+at.toFixed(2)} ms` : `${+(at / 1000).toFixed(3)} s` }),
      );
    }
    for (const [node, row] of rows) {
      const y = ABOVE + row * ROW + ROW / 2;
      scene.append(svg("text", { class: "dnb-time-name", x: BESIDE - 8, y, text: fitted(this.face.labels[node], BESIDE - 16, `500 12px ${FONT}`) }, svg("title", { text: this.face.names[node] })));
    }
    for (const { node, start, end: until, state, back } of bars) {
      const row = rows.get(node);
      if (row === undefined) continue;
      const look = this.face.looks[state];
      const x = this.x(start);
      const bar = svg(
        "g",
        { class: back ? "dnb-bar dnb-back-bar" : "dnb-bar", "data-state": look.key },
        svg("title", { text: `${this.face.names[node]}: ${back ? "rollback, " : ""}${look.word}, ${((until - start) / 1000).toFixed(3)} s` }),
        svg("rect", { x, y: ABOVE + row * ROW + 3, width: Math.max(LEAST, this.x(until) - x), height: ROW - 6, rx: 3 }),
        svg("text", { x: x + Math.max(LEAST, this.x(until) - x) + 4, y: ABOVE + row * ROW + ROW / 2, text: look.glyph }),
      );
      scene.append(bar);
    }
    this.cursor = svg("line", { class: "dnb-cursor", y1: ABOVE - 6, y2: height });
    scene.append(this.cursor);
    scene.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const box = scene.getBoundingClientRect();
      const at = ((event.clientX - box.left - BESIDE) * end) / (width - BESIDE - 12);
      const place = this.story.rows.findIndex((row) => row[4] > at);
      this.go(place < 0 ? this.story.length : place);
    });
    const more = new Set(bars.map((bar) => bar.node)).size - rows.size;
    this.element.replaceChildren(scene, ...(more > 0 ? [html("div", { class: "dnb-soft", text: `and ${more} more actions` })] : []));
    this.at();
  }

  /** Show where the position is. */
  at() {
    if (!this.cursor || !this.x || this.element.hidden) return;
    const x = this.x(Math.min(this.story.at, this.end));
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const row = this.rows?.get(this.story.here);
    if (row === undefined) return;
    const { scrollTop, clientHeight } = this.element;
    const y = ABOVE + row * ROW;
    if (y < scrollTop || y + 2 * ROW > scrollTop + clientHeight) this.element.scrollTop = y - clientHeight / 2;
  }
}

/**
 * Round numbers from 0 to `end`.
 * @param {number} end
 * @param {number} most
 */
function ticks(end, most) {
  const rough = end / most;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}
