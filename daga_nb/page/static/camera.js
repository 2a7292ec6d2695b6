// @ts-check
// What part of the graph is seen: zoom, pan, fit.

const NEAREST = 3;
const FARTHEST = 0.05;
const MARGIN = 5;
const FOLLOW_BELOW = 0.27;
const FOLLOW_GAIN = 1.25;
/** What cards show is less and larger from afar; see graph.css. @type {[string, number][]} */
const DISTANCES = [["near", 0.62], ["middle", 0.36], ["far", 0.27]];

class Camera {
  /**
   * @param {any} frame the svg element
   * @param {any} world the group that is moved
   * @param {(camera: Camera) => void} seen is told when another part of the graph is seen
   */
  constructor(frame, world, seen) {
    this.seen = seen;
    this.frame = frame;
    /** How large the frame is; measured when it changes, since measuring makes the page lay itself out. @type {{ width: number, height: number } | null} */
    this.measured = null;
    this.world = world;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.width = 1;
    this.height = 1;
    this.fitting = true;
    /** What is shown instead of the whole, if that is too long to be read. @type {number[] | null} */
    this.followed = null;
    this.moved = false;
    frame.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.grab(event));
    this.observer = new ResizeObserver(() => {
      this.measured = null;
      if (this.fitting) this.fit(this.followed);
      else this.apply();
    });
    this.observer.observe(frame);
  }

  close() {
    this.observer.disconnect();
  }

  get size() {
    if (!this.measured) {
      const { width, height } = this.frame.getBoundingClientRect();
      this.measured = { width, height };
    }
    return this.measured;
  }

  /** The part of the graph that is seen: left, top, right, bottom. */
  get view() {
    const { width, height } = this.size;
    return [-this.x / this.scale, -this.y / this.scale, (width - this.x) / this.scale, (height - this.y) / this.scale];
  }

  /**
   * The point of the graph that is seen where the pointer is.
   * @param {{ clientX: number, clientY: number }} pointer
   */
  under({ clientX, clientY }) {
    const box = this.frame.getBoundingClientRect();
    return [(clientX - box.left - this.x) / this.scale, (clientY - box.top - this.y) / this.scale];
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {number[] | null} followed
   */
  show(width, height, followed) {
    this.width = width;
    this.height = height;
    this.measured = null;
    this.fit(followed);
  }

  /**
   * Show another part of the graph, unless the reader has chosen one.
   * @param {number[]} box x, y, width, height
   */
  follow(box) {
    if (this.fitting) this.fit(box);
  }

  /**
   * Show the whole graph; or, if that is too long to be read, the part that is `followed`.
   * @param {number[] | null} [followed] x, y, width, height
   */
  fit(followed = null) {
    this.followed = followed;
    const box = this.size;
    if (!box.width || !box.height) return;
    const scale = Math.min((box.width - 2 * MARGIN) / this.width, (box.height - 2 * MARGIN) / this.height, 1.35);
    this.scale = Math.max(scale, FARTHEST);
    this.x = (box.width - this.width * this.scale) / 2;
    this.y = (box.height - this.height * this.scale) / 2;
    this.fitting = true;
    if (followed && scale < FOLLOW_BELOW && this.closest(followed) > this.scale * FOLLOW_GAIN) this.visit(followed);
    else this.apply();
  }

  /**
   * @param {number} factor
   * @param {number} [x] the point of the frame that stays where it is
   * @param {number} [y]
   */
  zoom(factor, x, y) {
    const box = this.size;
    const px = x ?? box.width / 2;
    const py = y ?? box.height / 2;
    const scale = Math.min(NEAREST, Math.max(FARTHEST, this.scale * factor));
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitting = false;
    this.apply();
  }

  /**
   * Move as little as is needed to see a box of the graph.
   * @param {number[]} box x, y, width, height
   */
  reveal([x, y, width, height]) {
    const frame = this.size;
    const left = this.x + x * this.scale;
    const top = this.y + y * this.scale;
    const dx = shift(left, left + width * this.scale, frame.width);
    const dy = shift(top, top + height * this.scale, frame.height);
    if (!dx && !dy) return;
    this.x += dx;
    this.y += dy;
    this.fitting = false;
    this.apply();
  }

  /**
   * The scale at which a box of the graph just fits.
   * @param {number[]} box x, y, width, height
   */
  closest([, , width, height]) {
    const frame = this.size;
    return Math.min((frame.width - 2 * MARGIN) / width, (frame.height - 2 * MARGIN) / height, 1);
  }

  /**
   * Show a box of the graph in the middle, as large as it fits.
   * @param {number[]} box x, y, width, height
   */
  visit([x, y, width, height]) {
    const frame = this.size;
    this.scale = Math.max(this.closest([x, y, width, height]), FARTHEST);
    this.x = frame.width / 2 - (x + width / 2) * this.scale;
    this.y = frame.height / 2 - (y + height / 2) * this.scale;
    this.apply();
  }

  apply() {
    this.world.setAttribute("transform", `translate(${this.x.toFixed(2)} ${this.y.toFixed(2)}) scale(${this.scale.toFixed(4)})`);
    const distance = DISTANCES.find(([, least]) => this.scale >= least)?.[0] ?? "farthest";
    if (this.frame.dataset.distance !== distance) this.frame.dataset.distance = distance;
    this.seen(this);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    // A plain wheel scrolls the page, unless the reader works in the graph.
    if (!event.ctrlKey && !event.metaKey && !this.frame.contains(document.activeElement)) return;
    event.preventDefault();
    event.stopPropagation();
    const box = this.frame.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - box.left, event.clientY - box.top);
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY, left: this.x, top: this.y };
    this.moved = false;
    const move = (/** @type {PointerEvent} */ to) => {
      if (!this.moved && Math.hypot(to.clientX - start.x, to.clientY - start.y) < 5) return;
      if (!this.moved) this.frame.setPointerCapture(event.pointerId);
      this.moved = true;
      this.fitting = false;
      this.x = start.left + to.clientX - start.x;
      this.y = start.top + to.clientY - start.y;
      this.frame.classList.add("dnb-dragging");
      this.apply();
    };
    const release = () => {
      this.frame.classList.remove("dnb-dragging");
      this.frame.removeEventListener("pointermove", move);
      this.frame.removeEventListener("pointerup", release);
      this.frame.removeEventListener("pointercancel", release);
    };
    this.frame.addEventListener("pointermove", move);
    this.frame.addEventListener("pointerup", release);
    this.frame.addEventListener("pointercancel", release);
  }
}

/**
 * How far a stretch has to move to lie inside 0..size.
 * @param {number} from
 * @param {number} to
 * @param {number} size
 */
function shift(from, to, size) {
  if (from < MARGIN) return MARGIN - from;
  if (to > size - MARGIN) return size - MARGIN - to;
  return 0;
}
