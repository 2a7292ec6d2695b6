// @ts-check
// The graph: bands, edges, cards. Drawn once from the layout; a change of state only changes attributes.

const FLASHES = 40;

class Graph {
  /**
   * @param {any} face
   * @param {boolean} breakable whether failures and breakpoints can be planted on a card
   */
  constructor(face, breakable) {
    this.face = face;
    this.breakable = breakable;
    this.world = svg("g", { class: "dnb-world" });
    /** Tells of the card under the pointer where cards are no elements. */
    this.tip = svg("title");
    this.frame = svg("svg", { class: "dnb-graph", role: "group", tabindex: 0, "aria-label": `graph of ${face.name}: the arrow keys walk through it` }, this.tip, this.world);
    /** @type {NodeCard[]} */
    this.cards = [];
    /** @type {{ tail: number, head: number, points: number[][], box: number[], element: any, away: boolean, tips: any }[]} */
    this.edges = [];
    /** @type {number[][]} */
    this.touching = [];
    /** @type {any[]} */
    this.bands = [];
    /** The lines behind save points. @type {any[]} */
    this.saves = [];
    this.layout = null;
    this.selected = -1;
    /** The action that the moment is about. */
    this.now = -1;
    this.crowd = new Crowd(face, this);
    /** Where the edges and the cards stand that are seen. */
    this.shown = [svg("g"), svg("g")];
  }

  close() {
    this.crowd.close();
  }

  /** @param {any} layout */
  draw(layout) {
    const marks = this.cards.map((card) => card.mark);
    this.layout = layout;
    this.bands = layout.bands.map((/** @type {any} */ box, /** @type {number} */ index) =>
      bandOf(box, index, layout.direction),
    );
    const saves = this.face.agreed.saves;
    this.saves = saves.map((/** @type {number} */ batch) => saveLine(layout.bands[batch - 1], batch, layout.direction));
    this.touching = layout.boxes.map(() => []);
    this.edges = layout.edges.map((/** @type {any} */ { tail, head, points }, /** @type {number} */ index) => {
      if (tail >= 0) this.touching[tail].push(index);
      this.touching[head].push(index);
      return { tail, head, points, box: around(points), element: edgeOf(points), away: false, tips: null };
    });
    // So many moving parts would only be slow: states are then shown without motion.
    this.frame.classList.toggle("dnb-many", this.crowd.many);
    const options = { breakable: this.breakable, size: nameSize(this.face, layout.boxes) };
    this.cards = layout.boxes.map(
      (/** @type {number[]} */ box, /** @type {number} */ number) => new NodeCard(this.face, number, box, options),
    );
    const [edges, cards] = this.shown;
    edges.replaceChildren(...this.edges.map((edge) => edge.element));
    cards.replaceChildren(...this.cards.map((card) => card.element));
    this.world.replaceChildren(svg("g", {}, ...this.bands, ...this.saves), edges, rootOf(layout.root), cards);
    if (marks.length) this.paintAll(marks);
    this.cards[this.now]?.element.classList.add("dnb-here");
    if (this.selected >= 0) this.select(this.selected);
  }

  /** @param {any[][]} marks */
  paintAll(marks) {
    marks.forEach((mark, number) => this.cards[number]?.paint(mark));
    this.edges.forEach((_, index) => this.paintEdge(index));
    this.paintSaves();
    this.crowd.change();
  }

  /** @param {any[]} changes */
  change(changes) {
    const touched = new Set();
    /** @type {NodeCard[]} */
    const moved = [];
    for (const [number, ...mark] of changes) {
      const card = this.cards[number];
      if (!card) continue;
      if (card.paint(mark)) moved.push(card);
      this.touching[number].forEach((index) => touched.add(index));
    }
    touched.forEach((index) => this.paintEdge(index));
    this.paintSaves();
    this.crowd.change();
    if (moved.length <= FLASHES && !this.crowd.many && !calm()) moved.forEach((card) => card.flash());
  }

  paintSaves() {
    if (!this.saves.length) return;
    const reached = reachedBatch(this.face, this.cards);
    for (const line of this.saves) line.classList.toggle("dnb-reached", Number(line.dataset.batch) <= reached);
  }

  /** @param {number} index */
  mode(index) {
    const { tail, head } = this.edges[index];
    const row = tail < 0 ? this.face.looks.length : this.cards[tail].mark[0];
    const column = this.cards[head].mark[0];
    return row < 0 || column < 0 ? "" : this.face.modes[this.face.edges[row][column]];
  }

  /** @param {number} index */
  paintEdge(index) {
    const { element, away } = this.edges[index];
    const mode = away ? "" : this.mode(index);
    if (!mode || element.dataset.mode === mode) return;
    element.dataset.mode = mode;
    this.crowd.tip(this.edges[index]);
  }

  /**
   * Show where the front of the run is.
   * @param {number} batch from 1; 0 for nowhere
   * @param {number} way 1 forward, -1 back
   */
  front(batch, way) {
    this.bands.forEach((band, index) => {
      const word = batch === index + 1 && way ? (way > 0 ? "forward" : "back") : "";
      if (band.dataset.front !== word) band.dataset.front = word;
    });
  }

  /** Mark the action that the moment is about; -1 for none. @param {number} number */
  here(number) {
    if (number === this.now) return;
    for (const [one, on] of /** @type {[number, boolean][]} */ ([[this.now, false], [number, true]])) {
      this.cards[one]?.element.classList.toggle("dnb-here", on);
      this.cards[one]?.glow();
    }
    this.now = number;
    this.crowd.change();
  }

  /** @param {number} number */
  select(number) {
    this.cards[this.selected]?.element.classList.remove("dnb-selected");
    this.cards[this.selected]?.element.setAttribute("aria-pressed", "false");
    this.cards[this.selected]?.glow();
    this.selected = number;
    const card = this.cards[number];
    if (card) this.crowd.place(number, false);
    this.crowd.change();
    card?.offer();
    card?.element.classList.add("dnb-selected");
    card?.element.setAttribute("aria-pressed", "true");
    card?.glow();
  }

  /**
   * The node that an arrow key leads to.
   * @param {string} key
   */
  neighbour(key) {
    if (!this.layout || !this.cards.length) return -1;
    if (this.selected < 0) return 0;
    const across = this.layout.direction === "LR";
    const along = across ? { ArrowRight: 1, ArrowLeft: -1 }[key] : { ArrowDown: 1, ArrowUp: -1 }[key];
    const here = this.middle(this.selected);
    const batch = this.face.batch[this.selected] + (along ?? 0);
    let best = -1;
    let least = Infinity;
    this.cards.forEach((_, number) => {
      if (number === this.selected || this.face.batch[number] !== batch) return;
      const there = this.middle(number);
      const off = across ? there.y - here.y : there.x - here.x;
      const forward = key === "ArrowDown" || key === "ArrowRight";
      if (!along && forward !== off > 0) return;
      const linked = along && this.linked(this.selected, number) ? 0 : 1;
      const distance = Math.abs(off) + (along ? linked * 1e6 : 0);
      if (distance < least) [best, least] = [number, distance];
    });
    return best < 0 ? this.selected : best;
  }

  /** @param {number} number */
  middle(number) {
    const [x, y, width, height] = this.layout.boxes[number];
    return { x: x + width / 2, y: y + height / 2 };
  }

  /**
   * @param {number} one
   * @param {number} other
   */
  linked(one, other) {
    return this.touching[one].some((index) => this.edges[index].tail === other || this.edges[index].head === other);
  }
}

/**
 * @param {number[]} box
 * @param {number} index
 * @param {string} direction
 */
function bandOf([x, y, width, height], index, direction) {
  const place = direction === "LR" ? { x: x + width / 2, y: y + 17 } : { x: x + 12, y: y + height / 2 };
  return svg(
    "g",
    { class: index % 2 ? "dnb-band dnb-odd" : "dnb-band", "data-direction": direction },
    svg("rect", { x, y, width, height, rx: 10 }),
    svg("text", { ...place, "font-size": 12 }, svg("tspan", { text: "batch " }), String(index + 1)),
  );
}

/** @param {number[]} box */
function rootOf([x, y, width, height]) {
  const [cx, cy, r] = [x + width / 2, y + height / 2, Math.min(width, height) / 2];
  const side = r * 0.42;
  return svg(
    "g",
    { class: "dnb-root" },
    svg("title", { text: "the input" }),
    svg("circle", { cx, cy, r }),
    svg("path", { d: `M${cx - side * 0.7} ${cy - side}L${cx + side} ${cy}L${cx - side * 0.7} ${cy + side}z` }),
  );
}

/** @param {number[][]} points control points of cubic Bézier curves */
function edgeOf(points) {
  const [first, ...rest] = points;
  let d = `M${first[0]} ${first[1]}`;
  for (let i = 0; i + 2 < rest.length; i += 3) {
    d += `C${rest[i].join(" ")} ${rest[i + 1].join(" ")} ${rest[i + 2].join(" ")}`;
  }
  return svg(
    "g",
    { class: "dnb-edge" },
    svg("path", { class: "dnb-line", d }),
    svg("path", { class: "dnb-tip dnb-forward", d: tip(points[points.length - 1], points[points.length - 2]) }),
    svg("path", { class: "dnb-tip dnb-backward", d: tip(first, points[1]) }),
  );
}

/**
 * An arrow head at one point, coming from another.
 * @param {number[]} to
 * @param {number[]} from
 */
function tip(to, from) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const wing = (/** @type {number} */ turn) =>
    `${(to[0] - 9 * Math.cos(angle + turn)).toFixed(1)} ${(to[1] - 9 * Math.sin(angle + turn)).toFixed(1)}`;
  return `M${wing(0.48)}L${to[0]} ${to[1]}L${wing(-0.48)}`;
}
