// @ts-check
// A graph with head, inspector, history and log: what the lab, a kept story and a report have in common.

const NARROW = 760;
const SLIM = 1010;
const ROOMY = 1190;

/** @param {HTMLElement} box */
function resized(box) {
  box.classList.toggle("dnb-narrow", box.clientWidth < NARROW);
  box.classList.toggle("dnb-slim", box.clientWidth < SLIM);
  box.classList.toggle("dnb-roomy", box.clientWidth >= ROOMY);
}

class Viewer {
  /**
   * @param {any} model
   * @param {{ send?(command: any): void, speed(): number, turn(direction: string): void, select(node: number): void, pick?(node: number): void }} asked
   */
  constructor(model, asked) {
    const { send } = asked;
    this.stage = new Stage(model, {
      select: (number) => {
        this.inspector.select(number);
        this.inspector.mark(this.stage.graph.cards[number].mark);
        this.ledger.own(number);
        asked.select(number);
      },
      turn: asked.turn,
      pick: asked.pick,
      roomy: true,
      plant: send && ((number) => send({ cmd: "cycle", node: number })),
      edit: (place) => this.inspector.faults?.open(place),
      stop: send && ((number) => send({ cmd: "stops", node: number })),
    });
    this.face = this.stage.face;
    this.inspector = new Inspector(this.face, send);
    this.head = new Head(this.face);
    this.story = new Story(this.face);
    this.history = new History(this.story, {
      seek: (position) => this.seek(position),
      live: () => this.live(),
      speed: asked.speed,
      rerun: send && (() => send({ cmd: "rerun", to: this.batch })),
      batch: () => this.batch,
    });
    this.timeline = new Timeline(this.face, this.story, (position) => this.history.go(position));
    this.ledger = new Ledger(this.face, (number) => this.stage.select(number));
    this.log = new Log(this.face, [["Timeline", this.timeline], ["Ledger", this.ledger]], Boolean(send));
    this.main = html("div", { class: "dnb-main" }, this.stage.element, this.inspector.element);
    this.past = false;
    /** @type {any[][]} */
    this.marks = [];
    /** @type {any} */
    this.now = null;
    this.run = 0;
  }

  close() {
    this.history.stop();
    this.stage.close();
  }

  /** The batch that a run would begin with that is forked from what is seen. */
  get batch() {
    const { now } = this;
    const busy = now?.counts.some((/** @type {number[]} */ [state]) => this.face.looks[state].busy);
    return !this.past && now?.way > 0 && now.front && !busy ? now.front : this.story.batch;
  }

  /** @param {any} now */
  snapshot(now) {
    if (!now?.nodes) return;
    const same = now.lab?.run === this.run;
    this.run = now.lab?.run ?? this.run;
    const position = this.story.position;
    this.marks = now.nodes;
    this.now = now.head;
    this.story.reset(now.events ?? []);
    this.log.snapshot(now);
    this.ledger.set(now.effects ?? []);
    if (this.past && same) this.seek(position);
    else this.live();
  }

  /** @param {any} delta */
  change(delta) {
    for (const [node, ...mark] of delta.nodes ?? []) this.marks[node] = mark;
    if (delta.head) this.now = delta.head;
    if (delta.events) this.story.add(delta.events);
    this.log.change(delta);
    if (delta.effects) this.ledger.add(delta.effects);
    if (this.past) {
      const nodes = (delta.nodes ?? []).map((/** @type {any[]} */ [node]) => node);
      this.stage.change({ nodes: this.asThen(nodes) });
    } else {
      this.story.seek(this.story.length);
      this.stage.change(delta);
      if (delta.head) this.head.show(delta.head, false);
    }
    this.history.show();
    if (delta.events) this.timeline.change();
    this.inspector.mark(this.stage.graph.cards[this.stage.graph.selected]?.mark);
  }

  /** @param {Iterable<number>} nodes */
  asThen(nodes) {
    return [...nodes].map((node) => [node, ...this.story.mark(node, this.marks[node])]);
  }

  /** Look at a moment of the past; at the end of the story it is the present. @param {number} position */
  seek(position) {
    if (position >= this.story.length) {
      this.live();
      return;
    }
    const first = !this.past;
    this.past = true;
    const changed = this.story.seek(position);
    if (first) this.marks.forEach((_, node) => changed.add(node));
    const head = this.story.head();
    this.stage.change({ nodes: this.asThen(changed), head });
    this.show(head, position);
  }

  /** Look at the present. */
  live() {
    this.past = false;
    this.story.seek(this.story.length);
    this.stage.snapshot({ nodes: this.marks, head: this.now });
    this.show(this.now, null);
  }

  /**
   * @param {any} head
   * @param {number | null} position
   */
  show(head, position) {
    this.stage.graph.here(position === null ? -1 : this.story.here);
    if (head) this.head.show(head, this.past);
    this.history.show(this.past);
    this.log.at(position);
    this.ledger.at(position);
    this.timeline.at();
    this.inspector.at(position);
    this.inspector.mark(this.stage.graph.cards[this.stage.graph.selected]?.mark);
    this.main.parentElement?.classList.toggle("dnb-past", this.past);
  }

  /** @param {any} told */
  look(told) {
    this.inspector.look(told, this.stage.graph.cards[told.node]?.mark);
  }

  /**
   * Take a key; true if it was for looking.
   * @param {string} key
   */
  key(key) {
    if (this.stage.key(key)) return true;
    if (key === "," || key === ".") this.history.move(key === "." ? 1 : -1, false);
    else if (key === "<" || key === ">") this.history.move(key === ">" ? 1 : -1, true);
    else if (key === "Home") this.history.go(0);
    else if (key === "End") this.live();
    else if (key === "h" || key === "H") this.history.slider.focus();
    else if (key === "p" || key === "P") this.history.play();
    else if (key === "u" || key === "U") this.history.turn();
    else return false;
    return true;
  }
}
