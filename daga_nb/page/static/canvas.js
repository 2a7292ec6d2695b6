// @ts-check
// FlowCanvas: the live graph alone.

/** @param {{ model: any, el: HTMLElement }} place */
function renderCanvas({ model, el }) {
  const stage = new Stage(model, {
    select: (number) => link.send({ cmd: "look", node: number }),
    turn: (direction) => link.send({ cmd: "direction", to: direction }),
  });
  const word = html("span", { class: "dnb-status", role: "status", "aria-live": "polite" });
  const bar = html("div", { class: "dnb-canvas-bar" }, word, html("span", { class: "dnb-space" }), ...stage.viewButtons());
  const box = html("div", { class: "daga dnb-box dnb-canvas", tabindex: 0, role: "region", "aria-label": `live graph of ${stage.face.name}` }, bar, stage.element, stage.legend);
  const show = (/** @type {any} */ head) => head && (word.textContent = head.next);
  const link = new Link(model, {
    snapshot: (now) => (stage.snapshot(now), show(now?.head)),
    change: (delta) => (stage.change(delta), show(delta.head)),
    line: (line) => (box.dataset.line = line),
    error: (text) => (word.textContent = text),
  });
  listen(box, (key) => stage.key(key));
  const sizes = new ResizeObserver(() => box.classList.toggle("dnb-narrow", box.clientWidth < 760));
  sizes.observe(box);
  el.append(box);
  link.open();
  return () => {
    stage.close();
    sizes.disconnect();
  };
}

export default { render: renderCanvas };
