// @ts-check
// FlowTwin: two to four stories of one flow on one slider.

const THREE_ABREAST = 900;

/**
 * Several stories as one. By event, each stands where its own event of that number has just happened; by batch,
 * each before its own batch of that number, forward or back.
 */
class Together {
  /** @param {Story[]} stories */
  constructor(stories) {
    this.stories = stories;
    this.position = 0;
    const ends = stories.map((story) => [...story.stops, story.length]);
    /** For each stop, where each of the stories stands. @type {Map<number, number[]>} */
    this.steps = new Map();
    for (let step = 0; step < Math.max(...ends.map((places) => places.length)); step += 1) {
      const places = ends.map((stops) => stops[Math.min(step, stops.length - 1)]);
      this.steps.set(Math.max(...places), places);
    }
    this.stops = [...this.steps.keys()];
  }

  get length() {
    return Math.max(...this.stories.map((story) => story.length));
  }

  get at() {
    return Math.max(...this.stories.map((story) => story.at));
  }

  /**
   * Where each of the stories stands at a position.
   * @param {number} position
   * @param {boolean} byBatch
   */
  places(position, byBatch) {
    return (byBatch && this.steps.get(position)) || this.stories.map(() => position);
  }

  words() {
    return this.stories.map((story) => story.words()).join(" | ");
  }

  /** @param {number} way */
  stop(way) {
    const stops = [...this.stops, this.length];
    if (way > 0) return stops.find((place) => place > this.position) ?? this.length;
    return stops.filter((place) => place < this.position).pop() ?? 0;
  }
}

class Side {
  /**
   * @param {any} record
   * @param {string} name
   * @param {any} model of the widget
   * @param {{ select(node: number): void, turn(direction: string): void }} asked
   */
  constructor(record, name, model, asked) {
    this.record = record;
    // Each has its own face and places: what is agreed on may be other.
    this.still = new Still({ _face: record.face, _layouts: record.layouts, direction: model.get("direction"), height: model.get("height") });
    this.stage = new Stage(this.still, asked);
    this.story = new Story(record.face);
    this.story.add(record.events);
    this.inspector = new Inspector(record.face, undefined);
    this.chip = html("span", { class: "dnb-chip" });
    this.words = html("span", { class: "dnb-next" });
    this.element = html(
      "section",
      { class: "dnb-side", "aria-label": name },
      html(
        "div",
        { class: "dnb-side-head" },
        html("b", { text: name, title: name }),
        html("span", { class: "dnb-soft dnb-facts", text: record.lab.input ? `input ${record.lab.input}` : "", title: record.lab.run }),
        this.chip,
        this.words,
      ),
      html("div", { class: "dnb-legend dnb-choices" }, ...choicesOf(record.face)),
      this.stage.element,
    );
  }

  /** @param {number} position */
  seek(position) {
    const { story, stage, record } = this;
    const changed = [...story.seek(position)];
    const head = story.head();
    stage.change({ nodes: changed.map((node) => [node, ...story.mark(node, [])]), head });
    stage.graph.here(position > story.length ? -1 : story.here);
    const look = record.face.run_looks[head.state];
    this.chip.dataset.run = look.key;
    this.chip.textContent = `${look.glyph} ${look.word}`;
    this.words.textContent = this.words.title = position > story.length ? `${head.next} (its end)` : head.next;
    this.inspector.at(Math.min(position, story.length));
    this.inspector.mark(stage.graph.cards[stage.graph.selected]?.mark);
  }

  /** @param {number} node */
  look(node) {
    this.stage.graph.select(node);
    this.inspector.select(node);
    this.inspector.look(this.record.details[node], this.stage.graph.cards[node].mark);
  }
}

/** @param {{ model: any, el: HTMLElement }} place */
function renderTwin({ model, el }) {
  const records = model.get("_records");
  const found = model.get("_found");
  const [one] = records;
  const still = new Still({ speed: 0.5 });
  const select = (/** @type {number} */ node) => sides.forEach((side) => side.look(node));
  const turned = (/** @type {string} */ direction) => sides.forEach((side) => side.still.set("direction", direction));
  /** @type {Side[]} */
  const sides = records.map((/** @type {any} */ record, /** @type {number} */ index) => new Side(record, found.names[index], model, { select, turn: turned }));
  const both = new Together(sides.map((side) => side.story));
  const seek = (/** @type {number} */ position) => {
    both.position = Math.max(0, Math.min(position, both.length));
    const places = both.places(both.position, history.byBatch);
    sides.forEach((side, index) => side.seek(places[index]));
    history.show(both.position < both.length);
    box.classList.toggle("dnb-apart", Boolean(found.first) && places.some((place) => place >= found.first.position));
  };
  const history = new History(/** @type {any} */ (both), { seek, live: () => seek(both.length), speed: () => still.get("speed") });
  history.element.append(speedOf(still));
  const first = html("div", { class: "dnb-first" });
  if (found.first) {
    first.append(
      button({ label: `First difference: event ${found.first.position}`, title: "Go to the first difference (G)" }, () => {
        history.go(found.first.position);
        if (found.first.node >= 0) select(found.first.node);
      }),
      html("span", { text: found.first.words }),
    );
    if (found.first.node >= 0) for (const side of sides) side.stage.graph.cards[found.first.node].element.classList.add("dnb-first-apart");
  } else first.append(html("b", { text: "No difference in what happened, but for the times." }));
  const table = tableOf(one.face, found, select);
  const pages = [table, html("div", { class: "dnb-inspectors dnb-abreast", "data-sides": sides.length }, ...sides.map((side) => side.inspector.element))];
  const tabs = ["What ended differently", sides.length > 2 ? "Inspect all" : "Inspect both"].map((text, index) =>
    html("button", { type: "button", role: "tab", class: "dnb-tab", text, onclick: () => show(index) }),
  );
  const show = (/** @type {number} */ which) =>
    pages.forEach((page, index) => {
      page.hidden = index !== which;
      tabs[index].setAttribute("aria-selected", String(index === which));
    });
  show(0);
  const cameras = sides.map((side) => side.stage.camera);
  const together = {
    fit: () => cameras.forEach((camera) => camera.fit()),
    zoom: (/** @type {number} */ factor) => cameras.forEach((camera) => camera.zoom(factor)),
  };
  const turn = () => sides[0].stage.turn();
  const zoom = zoomButtons(together, viewButtons(together, turn));
  const box = html(
    "div",
    { class: "daga dnb-box dnb-twin", tabindex: 0, role: "region", "aria-label": `${sides.length} runs of ${one.face.name}` },
    first,
    html("div", { class: "dnb-sides dnb-abreast", "data-sides": sides.length }, ...sides.map((side) => side.element)),
    html("div", { class: "dnb-under" }, legendOf(...sides.map((side) => side.record.face)), zoom),
    history.element,
    html("div", { class: "dnb-tabs", role: "tablist" }, ...tabs),
    ...pages,
  );
  listen(box, (key) => {
    if (/^[-+=0]$/.test(key)) sides.forEach((side) => side.stage.key(key));
    else if (sides[0].stage.key(key)) return true;
    else if (key === "," || key === ".") history.move(key === "." ? 1 : -1, false);
    else if (key === "<" || key === ">") history.move(key === ">" ? 1 : -1, true);
    else if (key === "Home") history.go(0);
    else if (key === "End") seek(both.length);
    else if (key === "g" || key === "G") found.first && history.go(found.first.position);
    else if (key === "h" || key === "H") history.slider.focus();
    else if (key === "p" || key === "P") history.play();
    else if (key === "u" || key === "U") history.turn();
    else return false;
    return true;
  });
  const sizes = new ResizeObserver(() => {
    resized(box);
    box.classList.toggle("dnb-stacked", box.clientWidth < (sides.length === 3 ? THREE_ABREAST : NARROW));
  });
  sizes.observe(box);
  el.append(box);
  sides.forEach((side) => side.stage.snapshot({ nodes: one.face.names.map(() => [0, "", 0, 0, 0]), head: side.story.head() }));
  seek(both.length);
  return () => {
    history.stop();
    sides.forEach((side) => side.stage.close());
    sizes.disconnect();
  };
}

/**
 * @param {any} face
 * @param {any} found
 * @param {(node: number) => void} select
 */
function tableOf(face, found, select) {
  const { names, endings, sums, ends: states, elapsed } = found;
  const state = (/** @type {any} */ [number, took]) => {
    const look = face.looks[number];
    return [html("td", {}, html("b", { "data-state": look.key, text: `${look.glyph} ${look.word}` })), html("td", { class: "dnb-took", text: took })];
  };
  const rows = endings.map(([node, ends, differs, result]) =>
    html(
      "tr",
      { class: differs ? "dnb-differs" : "dnb-alike", onclick: () => select(node) },
      html("th", { scope: "row", text: face.names[node] }),
      ...ends.flatMap(state),
      html("td", { text: differs ? (result ? "≠ another result" : "≠") : "" }),
    ),
  );
  const head = ["action", ...names.flatMap((/** @type {string} */ name) => [name, "took"]), ""].map((text) => html("th", { scope: "col", text, title: text }));
  const sum = (/** @type {string} */ label, /** @type {Element[]} */ cells) => html("tr", { class: "dnb-sum" }, html("th", { scope: "row", text: label }), ...cells, html("td"));
  const runs = states.flatMap((/** @type {number} */ number, /** @type {number} */ index) => {
    const look = face.run_looks[number];
    return [html("td", {}, html("b", { "data-run": look.key, text: `${look.glyph} ${look.word}` })), html("td", { class: "dnb-took", text: elapsed[index] })];
  });
  const whole = [
    sum("the whole run", runs),
    ...sums.map(([label, texts]) => sum(label, texts.map((/** @type {string} */ text) => html("td", { colspan: 2, text: text || "–", title: text })))),
  ];
  return html("div", { class: "dnb-lines dnb-table" }, html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...rows, ...whole)));
}

export default { render: renderTwin };
