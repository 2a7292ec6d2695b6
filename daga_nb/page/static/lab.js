// @ts-check
// FlowLab: head, toolbar, graph, inspector, history and log as one piece, with one keyboard focus.

const LOST = "disconnected: the kernel is gone; run the cell again";
const SAVED = "as saved: run the cell to work with it";
const COMMAND_KEYS = { n: "step", a: "action", b: "rollback", r: "reset", x: "fix", j: "resume" };
const RUNNING = new Set(["run", "step", "action", "rollback", "retry", "fix", "reset", "rerun", "skip", "again", "replay", "until", "resume", "leave", "older", "find"]);

/** @param {{ model: any, el: HTMLElement }} place */
function renderLab({ model, el }) {
  const send = (/** @type {any} */ command) => {
    // What is asked for happens in the present: there it is to be seen.
    if (RUNNING.has(command.cmd) && viewer.past && command.cmd !== "rerun") viewer.live();
    link.send(command);
  };
  const viewer = new Viewer(model, {
    send,
    speed: () => model.get("speed"),
    turn: (direction) => link.send({ cmd: "direction", to: direction }),
    select: (node) => link.send({ cmd: "look", node }),
    pick: (node) => quiz.asking && !viewer.past && send({ cmd: "predict", node }),
  });
  const { stage, head } = viewer;
  const quiz = new Quiz(stage.graph);
  const scenarios = new Scenarios(send);
  const decide = new Decide(stage.face, send);
  const notice = new Notice(stage.face, send);
  const bar = new Bar(model, {
    send,
    side: () => box.classList.toggle("dnb-no-side"),
    view: [scenarios.element],
  });
  head.element.append(quiz.element);
  const box = html(
    "div",
    { class: "daga dnb-box dnb-lab", tabindex: 0, role: "region", "aria-label": `lab for ${stage.face.name}` },
    head.element,
    bar.element,
    notice.element,
    viewer.main,
    html("div", { class: "dnb-below" }, stage.legend, decide.element),
    viewer.history.element,
    viewer.log.element,
  );
  const told = (/** @type {any} */ message) => {
    if (message.lab) {
      head.lab(message.lab);
      viewer.log.lab(message.lab);
      viewer.ledger.observed(message.lab.world);
      bar.lab(message.lab);
      decide.lab(message.lab);
      notice.lab(message.lab);
      quiz.show(message.lab.quiz);
      viewer.history.forkable(bar.can.has("rerun"));
      box.classList.toggle("dnb-asking", quiz.asking);
    }
    if (message.lab?.scenarios) scenarios.show(message.lab.scenarios);
  };
  const link = new Link(model, {
    snapshot(now) {
      if (!now?.nodes) return;
      viewer.snapshot(now);
      told(now);
      if (link.line === "saved") {
        head.say(SAVED);
        bar.lose();
        decide.hide();
        notice.hide();
        viewer.history.forkable(false);
      }
    },
    change(delta) {
      if (delta.lab?.run && delta.lab.run !== viewer.run) viewer.past = false;
      viewer.change(delta);
      told(delta);
    },
    look: (message) => viewer.look(message),
    draft: (message) => viewer.inspector.faults?.told(message),
    line(line) {
      box.dataset.line = line;
      if (line !== "lost") return;
      head.say(LOST);
      bar.lose();
      decide.hide();
      notice.hide();
      viewer.history.forkable(false);
    },
    error: (text) => head.say(text),
  });
  model.on("change:direction change:_layouts", () => quiz.paint());
  listen(box, (key) => {
    const selected = stage.graph.selected;
    if (viewer.key(key)) return true;
    if (key === " ") send({ cmd: bar.can.has("pause") ? "pause" : "run" });
    else if (key === "f" || key === "F") selected >= 0 && send({ cmd: "cycle", node: selected });
    else if (key === "s" || key === "S") selected >= 0 && send({ cmd: "stops", node: selected });
    else if (key === "g" || key === "G") selected >= 0 && send({ cmd: "until", node: selected });
    else if (key === "d" || key === "D") bar.pauses.click();
    else if (key === "t" || key === "T") decide.retry();
    else if (key === "k" || key === "K") decide.ask();
    else if (key === "c" || key === "C") scenarios.turn();
    else if (key.toLowerCase() in COMMAND_KEYS) send({ cmd: COMMAND_KEYS[key.toLowerCase()] });
    else return false;
    return true;
  });
  const sizes = new ResizeObserver(() => resized(box));
  sizes.observe(box);
  el.append(box);
  link.open();
  return () => {
    viewer.close();
    sizes.disconnect();
  };
}

export default { render: renderLab };
