// @ts-check
// Very many cards: only those that can be read are elements, since so many would be slow to restyle.
// From afar they are one picture.

const MANY = 400;
const READABLE = 9;
const EDGE_INKS = { idle: "soft", done: "soft", flow: "running-ink", back: "rolled-back-ink", undone: "rolled-back-ink", dead: "abandoned-ink" };
const LEAST_LINE = 0.6;
const LEAST_BORDER = 0.7;

class Crowd {
  /**
   * @param {any} face
   * @param {Graph} graph
   */
  constructor(face, graph) {
    this.face = face;
    this.graph = graph;
    this.element = html("canvas", { class: "dnb-crowd", hidden: true, "aria-hidden": "true" });
    /** @type {any} */
    this.camera = null;
    this.pending = 0;
    this.distance = "";
    // A theme is put on the body: its colours are read anew.
    this.themes = new MutationObserver(() => this.change());
    this.themes.observe(document.body, { attributes: true });
  }

  close() {
    this.themes.disconnect();
    cancelAnimationFrame(this.pending);
  }

  get many() {
    return this.graph.layout?.boxes.length > MANY;
  }

  /** Have only those cards and edges stand in the page that are seen. @param {Camera} camera */
  look(camera) {
    const { graph } = this;
    const distance = graph.frame.dataset.distance ?? "";
    const far = this.many && distance === "farthest";
    this.camera = far ? camera : null;
    this.element.hidden = !far;
    this.change();
    if (!this.many) return;
    const [left, top, right, bottom] = camera.view;
    const seen = (/** @type {number[]} */ [x, y, width, height]) => !far && x < right && y < bottom && x + width > left && y + height > top;
    const other = this.distance !== distance;
    this.distance = distance;
    graph.cards.forEach((card, number) => {
      this.place(number, !seen(graph.layout.boxes[number]) && number !== graph.selected);
      if (!far && !card.away) card.dress(distance);
    });
    graph.edges.forEach((edge, index) => {
      const away = !seen(edge.box);
      if (edge.away !== away) {
        edge.away = away;
        if (away) edge.element.remove();
        else {
          graph.paintEdge(index);
          graph.shown[0].append(edge.element);
        }
      }
      if (other && !away) this.tip(edge);
    });
  }

  /**
   * @param {number} number
   * @param {boolean} away whether a card is not seen
   */
  place(number, away) {
    const card = this.graph.cards[number];
    if (card.away === away) return;
    card.away = away;
    if (away) card.element.remove();
    else {
      card.catchUp();
      this.graph.shown[1].append(card.element);
    }
  }

  /** Of very many edges, have only the tip stand in each that is seen; from far they are specks. @param {any} edge */
  tip(edge) {
    if (!this.many) return;
    edge.tips ??= [...edge.element.querySelectorAll(".dnb-tip")];
    const back = ["back", "undone"].includes(edge.element.dataset.mode);
    const shown = this.distance === "far" ? null : edge.tips[back ? 1 : 0];
    for (const tip of edge.tips) if (tip !== shown) tip.remove();
    if (shown && !shown.parentNode) edge.element.append(shown);
  }

  /**
   * The card at a point of the graph; -1 for none.
   * @param {number[]} point
   */
  at([x, y]) {
    const inside = (/** @type {number[]} */ box) => x >= box[0] && y >= box[1] && x <= box[0] + box[2] && y <= box[1] + box[3];
    return this.graph.layout.boxes.findIndex(inside);
  }

  /** Draw it before the next paint. */
  change() {
    if (!this.camera || this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (this.camera) this.draw();
    });
  }

  draw() {
    const { camera, element, graph, face } = this;
    const { width, height } = camera.size;
    const dense = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * dense), Math.round(height * dense)];
    if (element.width !== wide || element.height !== high) [element.width, element.height] = [wide, high];
    const style = getComputedStyle(element);
    const paint = (/** @type {string} */ name) => style.getPropertyValue(`--daga-${name}`);
    const ink = element.getContext("2d");
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.clearRect(0, 0, wide, high);
    const scale = camera.scale * dense;
    ink.setTransform(scale, 0, 0, scale, camera.x * dense, camera.y * dense);
    ink.lineWidth = Math.max(1.6, LEAST_LINE / camera.scale);
    for (const [mode, edges] of grouped(graph.edges, (_, index) => graph.mode(index))) {
      ink.strokeStyle = paint(/** @type {any} */ (EDGE_INKS)[mode] ?? "soft");
      ink.beginPath();
      for (const { points } of edges) follow(ink, points);
      ink.stroke();
    }
    const boxes = graph.layout.boxes;
    const readable = boxes[0]?.[3] * camera.scale >= READABLE;
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    ink.lineWidth = Math.max(1.6, LEAST_BORDER / camera.scale);
    for (const [state, cards] of grouped(graph.cards, (card) => card.mark[0])) {
      const look = face.looks[state];
      if (!look) continue;
      ink.fillStyle = paint(`${look.key}-fill`);
      ink.strokeStyle = paint(`${look.key}-ink`);
      ink.beginPath();
      for (const { number } of cards) ink.rect(boxes[number][0], boxes[number][1], boxes[number][2], boxes[number][3]);
      ink.fill();
      ink.stroke();
      if (!readable) continue;
      ink.fillStyle = ink.strokeStyle;
      ink.font = `800 ${boxes[0][3] * 0.72}px ${FONT}`;
      for (const { number } of cards) ink.fillText(look.glyph, boxes[number][0] + boxes[number][2] / 2, boxes[number][1] + boxes[number][3] / 2);
    }
    const ring = (/** @type {number[]} */ box, /** @type {number} */ line) => {
      ink.lineWidth = line / camera.scale;
      ink.strokeRect(box[0] - ink.lineWidth / 2, box[1] - ink.lineWidth / 2, box[2] + ink.lineWidth, box[3] + ink.lineWidth);
    };
    ink.strokeStyle = paint("failed-ink");
    for (const { number, mark } of graph.cards) if (mark[2] || mark[3]) ring(boxes[number], 1);
    ink.strokeStyle = paint("accent");
    for (const number of [graph.selected, graph.now]) if (boxes[number]) ring(boxes[number], 2);
  }
}

/**
 * @template T
 * @template K
 * @param {T[]} all
 * @param {(one: T, index: number) => K} key
 * @returns {Map<K, T[]>}
 */
function grouped(all, key) {
  const found = new Map();
  all.forEach((one, index) => {
    const name = key(one, index);
    const group = found.get(name);
    if (group) group.push(one);
    else found.set(name, [one]);
  });
  return found;
}

/**
 * @param {any} ink
 * @param {number[][]} points control points of cubic Bézier curves
 */
function follow(ink, [first, ...rest]) {
  ink.moveTo(first[0], first[1]);
  for (let i = 0; i + 2 < rest.length; i += 3) {
    ink.bezierCurveTo(rest[i][0], rest[i][1], rest[i + 1][0], rest[i + 1][1], rest[i + 2][0], rest[i + 2][1]);
  }
}

/**
 * The box around points, the tips of the edge included.
 * @param {number[][]} points
 */
function around(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [x, y] = [Math.min(...xs) - 12, Math.min(...ys) - 12];
  return [x, y, Math.max(...xs) + 12 - x, Math.max(...ys) + 12 - y];
}
