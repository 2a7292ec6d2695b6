// @ts-check
// FlowLab: head, toolbar, graph, inspector and log as one piece, with one keyboard focus.

const NARROW = 760;
const SLIM = 940;
const ROOMY = 1190;
const LOST = "disconnected: the kernel is gone; run the cell again";
const SAVED = "as saved: run the cell to work with it";
const COMMAND_KEYS = { n: "step", a: "action", b: "rollback", r: "reset" };

/** @param {HTMLElement} box */
function resized(box) {
  box.classList.toggle("dnb-narrow", box.clientWidth < NARROW);
  box.classList.toggle("dnb-slim", box.clientWidth < SLIM);
  box.classList.toggle("dnb-roomy", box.clientWidth >= ROOMY);
}

/** @param {{ model: any, el: HTMLElement }} place */
function renderLab({ model, el }) {
  const send = (/** @type {any} */ command) => link.send(command);
  const stage = new Stage(model, {
    select(number) {
      inspector.select(number);
      inspector.mark(stage.graph.cards[number].mark);
      send({ cmd: "look", node: number });
    },
    turn: (direction) => send({ cmd: "direction", to: direction }),
    plant: (number) => send({ cmd: "cycle", node: number }),
  });
  const inspector = new Inspector(stage.face, send);
  const bar = new Bar(model, stage.face, {
    send,
    side: () => box.classList.toggle("dnb-no-side"),
    view: stage.viewButtons(),
  });
  const log = new Log(stage.face);
  const main = html("div", { class: "dnb-main" }, stage.element, inspector.element);
  const box = html(
    "div",
    { class: "daga dnb-box dnb-lab", tabindex: 0, role: "region", "aria-label": `lab for ${stage.face.name}` },
    bar.head,
    bar.tools,
    main,
    stage.legend,
    log.element,
  );
  const show = (/** @type {any} */ told) => {
    if (told.head) bar.show(told.head);
    if (told.lab) bar.lab(told.lab);
    inspector.mark(stage.graph.cards[stage.graph.selected]?.mark);
  };
  const link = new Link(model, {
    snapshot(now) {
      if (!now?.nodes) return;
      stage.snapshot(now);
      log.snapshot(now);
      show(now);
      if (link.line === "saved") bar.say(SAVED);
    },
    change(delta) {
      stage.change(delta);
      log.change(delta);
      show(delta);
    },
    look: (told) => inspector.look(told, stage.graph.cards[told.node]?.mark),
    line(line) {
      box.dataset.line = line;
      if (line === "lost") bar.say(LOST);
    },
    error: (text) => (bar.status.textContent = text),
  });
  listen(box, (key) => {
    if (stage.key(key)) return true;
    const selected = stage.graph.selected;
    if (key === " ") send({ cmd: bar.can.has("pause") ? "pause" : "run" });
    else if (key === "f" || key === "F") selected >= 0 && send({ cmd: "cycle", node: selected });
    else if (key.toLowerCase() in COMMAND_KEYS) send({ cmd: COMMAND_KEYS[key.toLowerCase()] });
    else return false;
    return true;
  });
  const sizes = new ResizeObserver(() => resized(box));
  sizes.observe(box);
  el.append(box);
  link.open();
  return () => {
    stage.close();
    sizes.disconnect();
  };
}

export default { render: renderLab };
