// @ts-check
// Very many cards seen from afar: one picture of them all, since so many elements would be slow to restyle.

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
    // A theme is put on the body: its colours are read anew.
    this.themes = new MutationObserver(() => this.change());
    this.themes.observe(document.body, { attributes: true });
  }

  close() {
    this.themes.disconnect();
    cancelAnimationFrame(this.pending);
  }

  /** Show it as the camera stands, or not at all. @param {any} camera null for not */
  look(camera) {
    this.camera = camera;
    this.element.hidden = !camera;
    this.change();
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
    const around = (/** @type {number[]} */ box, /** @type {number} */ line) => {
      ink.lineWidth = line / camera.scale;
      ink.strokeRect(box[0] - ink.lineWidth / 2, box[1] - ink.lineWidth / 2, box[2] + ink.lineWidth, box[3] + ink.lineWidth);
    };
    ink.strokeStyle = paint("failed-ink");
    for (const { number, mark } of graph.cards) if (mark[2] || mark[3]) around(boxes[number], 1);
    ink.strokeStyle = paint("accent");
    for (const number of [graph.selected, graph.now]) if (boxes[number]) around(boxes[number], 2);
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
