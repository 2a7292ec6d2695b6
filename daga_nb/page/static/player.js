// @ts-check
// A story that is kept: to look at, not to go on with.

/**
 * @param {any} record
 * @param {number | null} [height]
 */
function playerOf(record, height = null) {
  const model = new Still({ _face: record.face, _layouts: record.layouts, direction: record.direction ?? "LR", height, speed: 0.5 });
  /** @type {Viewer} */
  const viewer = new Viewer(model, {
    speed: () => model.get("speed"),
    turn: (direction) => model.set("direction", direction),
    select: (node) => viewer.look(record.details[node]),
  });
  viewer.history.element.append(speedOf(model));
  const box = html(
    "div",
    { class: "daga dnb-box dnb-player", tabindex: 0, role: "region", "aria-label": `story of ${record.face.name}` },
    viewer.head.element,
    viewer.main,
    viewer.stage.legend,
    viewer.history.element,
    viewer.log.element,
  );
  listen(box, (key) => viewer.key(key));
  const sizes = new ResizeObserver(() => resized(box));
  sizes.observe(box);
  viewer.snapshot(record);
  viewer.head.lab(record.lab);
  const close = () => {
    viewer.close();
    sizes.disconnect();
  };
  return { element: box, viewer, close };
}

/** How fast a story is played back. @param {Still} model */
function speedOf(model) {
  const speed = html("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 100 * model.get("speed"),
    "aria-label": "speed",
    title: "How fast the story is played back",
    oninput: () => model.set("speed", Number(speed.value) / 100),
  });
  return html("label", { class: "dnb-speed" }, html("span", { class: "dnb-soft", text: "speed" }), speed);
}
