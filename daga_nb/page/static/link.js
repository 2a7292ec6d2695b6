// @ts-check
// The line to the kernel: commands go out, snapshots and changes come in, in order.

/**
 * @typedef {[place: number, word: string, struck: number, words: string, plain: number]} FaultMark
 * @typedef {[state: number, time: string, faults: FaultMark[] | 0, failed: number, breaks: number]} Mark
 * @typedef {[node: number, state: number, time: string, faults: FaultMark[] | 0, failed: number, breaks: number]} NodeChange
 * @typedef {{ v: number, nodes: Mark[], head: any, log?: any[], python?: string[] }} Snapshot
 * @typedef {{ v: number, nodes?: NodeChange[], head?: any, log?: any[], python?: string[] }} Change
 * @typedef {{ snapshot(now: Snapshot): void, change(delta: Change): void, look?(details: any): void, draft?(told: any): void, error(text: string): void, line(word: Line): void }} Listener
 * @typedef {"saved" | "live" | "lost"} Line
 */

class Link {
  /**
   * @param {any} model
   * @param {Listener} listener
   */
  constructor(model, listener) {
    this.model = model;
    this.listener = listener;
    /** @type {Line} */
    this.line = "saved";
    this.version = -1;
    this.asked = false;
    model.on("msg:custom", (/** @type {any} */ message) => this.hear(message));
    model.on("comm_live_update", () => this.lose());
  }

  /** Show what was saved, then ask the kernel for what is. */
  open() {
    this.listener.snapshot(this.model.get("_now"));
    this.ask();
  }

  ask() {
    this.asked = true;
    this.send({ cmd: "hello" });
  }

  /** @param {{ cmd: string, [name: string]: any }} command */
  send(command) {
    if (this.line === "lost") return;
    try {
      this.model.send(command);
    } catch {
      // The kernel was restarted or shut down: the page outlives it.
      this.lose();
    }
  }

  lose() {
    if (this.line !== "lost") this.turn("lost");
  }

  /** @param {Line} word */
  turn(word) {
    this.line = word;
    this.listener.line(word);
  }

  /** @param {any} message */
  hear(message) {
    if (message.t === "now") {
      if (message.v < this.version) return;
      this.version = message.v;
      this.asked = false;
      if (this.line !== "live") this.turn("live");
      this.listener.snapshot(message);
    } else if (message.t === "change") {
      if (message.v === this.version + 1) {
        this.version = message.v;
        this.listener.change(message);
      } else if (message.v > this.version && !this.asked) this.ask();
    } else if (message.t === "look") this.listener.look?.(message);
    else if (message.t === "draft") this.listener.draft?.(message);
    else if (message.t === "error") this.listener.error(message.text);
  }
}
