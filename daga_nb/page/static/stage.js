// @ts-check
// The graph on its stage: camera, selection, legend. The canvas is this alone; the lab builds around it.

const LOWEST = 210;
const LOWEST_IN_LAB = 340;
const HIGHEST = 470;
const AROUND_GRAPH = 440;

class Stage {
  /**
   * @param {any} model
   * @param {{ select(number: number): void, turn(direction: string): void, pick?(number: number): void, plant?(number: number): void, edit?(place: string): void, stop?(number: number): void, roomy?: boolean }} asked
   */
  constructor(model, asked) {
    this.model = model;
    this.asked = asked;
    this.face = model.get("_face");
    this.graph = new Graph(this.face, Boolean(asked.plant));
    this.camera = new Camera(this.graph.frame, this.graph.world, (camera) => this.graph.crowd.look(camera));
    this.element = html("div", { class: "dnb-stage" }, this.graph.frame, this.graph.crowd.element);
    this.legend = html("div", { class: "dnb-under" }, legendOf(this.face), zoomButtons(this.camera, asked.roomy ? this.viewButtons() : []));
    this.graph.frame.addEventListener("click", (/** @type {MouseEvent} */ event) => this.click(event));
    this.graph.frame.addEventListener("pointerover", (/** @type {PointerEvent} */ event) => this.over(event));
    this.graph.frame.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.hint(event));
    this.sizes = new ResizeObserver(() => this.size());
    this.sizes.observe(this.element);
    this.arrange = () => this.lay();
    model.on("change:direction", this.arrange);
    model.on("change:_layouts", this.arrange);
    model.on("change:height", () => this.size());
    this.lay();
  }

  close() {
    this.camera.close();
    this.graph.close();
    this.sizes.disconnect();
  }

  lay() {
    const direction = this.model.get("direction");
    const layout = this.model.get("_layouts")[direction];
    if (!layout || layout.direction === this.graph.layout?.direction) return;
    const focused = this.graph.frame.contains(document.activeElement);
    this.graph.draw(layout);
    if (focused) this.graph.cards[this.graph.selected]?.element.focus({ preventScroll: true });
    this.head && this.graph.front(this.head.front, this.head.way);
    this.size();
    this.camera.show(layout.width, layout.height, this.band());
  }

  /** The height depends on the layout, the width and the window, never on the states. */
  size() {
    const layout = this.graph.layout;
    const width = this.element.clientWidth;
    if (!layout || !width) return;
    const scale = Math.min((width - 10) / layout.width, 1.35);
    const beside = this.asked.roomy && width < (this.element.parentElement?.clientWidth ?? 0);
    const lowest = beside ? LOWEST_IN_LAB : LOWEST;
    const highest = Math.max(HIGHEST, window.innerHeight - AROUND_GRAPH);
    // A graph too long to be read as a whole is followed batch by batch: the higher, the larger.
    const followed = layout.direction === "LR" && scale < FOLLOW_BELOW;
    const needed = layout.height * (followed ? 1 : scale) + 10;
    const wished = Math.min(highest, Math.max(lowest, needed));
    const height = `${Math.round(this.model.get("height") ?? wished)}px`;
    if (this.graph.frame.style.height !== height) this.graph.frame.style.height = height;
  }

  turn() {
    this.asked.turn(this.model.get("direction") === "LR" ? "TB" : "LR");
  }

  /** @param {any} now */
  snapshot(now) {
    if (!now?.nodes) return;
    this.graph.paintAll(now.nodes);
    this.front(now.head);
  }

  /** @param {any} delta */
  change(delta) {
    if (delta.nodes) this.graph.change(delta.nodes);
    if (delta.head) this.front(delta.head);
  }

  /** @param {any} head */
  front(head) {
    const { front, way } = this.head ?? {};
    this.head = head;
    this.graph.front(head.front, head.way);
    // Once for each batch: who looks at the whole in between has asked for it.
    const band = this.band();
    if (band && (front !== head.front || way !== head.way)) this.camera.follow(band);
  }

  /** Where the run is: x, y, width, height. */
  band() {
    return this.graph.layout?.bands[this.head?.front - 1] ?? null;
  }

  /** @param {Event} event */
  nodeOf(event) {
    const node = /** @type {Element} */ (event.target).closest(".dnb-node");
    if (node instanceof SVGElement) return Number(node.dataset.node);
    return this.graph.crowd.camera ? this.graph.crowd.at(this.camera.under(/** @type {MouseEvent} */ (event))) : -1;
  }

  /** @param {PointerEvent} event */
  over(event) {
    this.graph.cards[this.nodeOf(event)]?.offer();
  }

  /** @param {PointerEvent} event */
  hint(event) {
    const number = this.graph.crowd.camera ? this.nodeOf(event) : -1;
    const words = this.graph.cards[number]?.label() ?? "";
    if (this.graph.tip.textContent !== words) this.graph.tip.textContent = words;
  }

  /** @param {MouseEvent} event */
  click(event) {
    const number = this.nodeOf(event);
    if (this.camera.moved || number < 0) return;
    this.select(number);
    const target = /** @type {Element} */ (event.target);
    const fault = target.closest(".dnb-fault");
    // What took more than a click to set is not lost by one.
    if (fault instanceof SVGElement && fault.dataset.plain === "0") this.asked.edit?.(fault.dataset.place ?? "");
    else if (fault || target.closest(".dnb-handle")) this.asked.plant?.(number);
    else if (target.closest(".dnb-stop-handle, .dnb-stop")) this.asked.stop?.(number);
    else this.asked.pick?.(number);
  }

  /** @param {number} number */
  select(number) {
    const card = this.graph.cards[number];
    if (!card) return;
    this.graph.select(number);
    card.element.focus({ preventScroll: true });
    this.camera.reveal(this.graph.layout.boxes[number]);
    this.asked.select(number);
  }

  /**
   * Take a key; true if it was one of the graph's own.
   * @param {string} key
   */
  key(key) {
    if (key === "+" || key === "=") this.camera.zoom(1.25);
    else if (key === "-") this.camera.zoom(0.8);
    else if (key === "0") this.camera.fit();
    else if (key === "l" || key === "L") this.turn();
    else if (key.startsWith("Arrow")) this.select(this.graph.neighbour(key));
    else if (key === "Enter" && this.graph.selected >= 0 && this.asked.pick) this.asked.pick(this.graph.selected);
    else return false;
    return true;
  }

  /** Fit and turn, for a toolbar. */
  viewButtons() {
    return viewButtons(this.camera, () => this.turn());
  }
}

/**
 * @param {{ fit(): void }} camera
 * @param {() => void} turn
 */
function viewButtons(camera, turn) {
  return [
    button({ icon: "fit", label: "Fit", title: "Fit (0)", class: "dnb-small" }, () => camera.fit()),
    button({ icon: "turn", label: "Turn", title: "Left to right, or top to bottom (L)", class: "dnb-small" }, turn),
  ];
}

/**
 * @param {{ zoom(factor: number): void }} camera
 * @param {Element[]} more
 */
function zoomButtons(camera, more) {
  return html(
    "div",
    { class: "dnb-zoom" },
    ...more,
    button({ icon: "plus", label: "", title: "Zoom in (+)", class: "dnb-small" }, () => camera.zoom(1.25)),
    button({ icon: "minus", label: "", title: "Zoom out (-)", class: "dnb-small" }, () => camera.zoom(0.8)),
  );
}

/**
 * The states, the marks that stand on any card, and what the flow has chosen.
 * @param {any} face
 * @param {...any} others faces of the same flow under other policies: there each says for itself what it has chosen
 */
function legendOf(face, ...others) {
  return html(
    "div",
    { class: "dnb-legend" },
    ...face.looks.map((/** @type {any} */ look) =>
      html("span", { "data-state": look.key }, html("i", { text: look.glyph, "aria-hidden": "true" }), look.word),
    ),
    ...agreedLegend([face, ...others]),
    ...(others.length ? [] : choicesOf(face)),
  );
}

/**
 * The keys of the widget stay in it: JupyterLab's own would insert cells. Saving and running still work.
 * @param {HTMLElement} box
 * @param {(key: string, event: KeyboardEvent) => boolean} take
 */
function listen(box, take) {
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    if (event.key === "Enter" && event.shiftKey) return;
    event.stopPropagation();
    if (event.key === "Escape") {
      const cell = box.closest(".jp-Cell");
      if (cell instanceof HTMLElement) cell.focus();
      else box.blur();
      return;
    }
    const target = /** @type {Element} */ (event.target);
    const sliding = target.matches("input[type=range]") && !/^(Arrow|Page|Home|End)/.test(event.key);
    const typing = target.closest("input, select, textarea") && !sliding;
    const pressing = (event.key === " " || event.key === "Enter") && target.closest("button, summary");
    if (typing || pressing) return;
    if (take(event.key, event)) event.preventDefault();
  });
}
