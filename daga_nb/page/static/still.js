// @ts-check
// Stands for a widget's model where there is no kernel: values, and who wants to know when they change.

class Still {
  /** @param {Record<string, any>} values */
  constructor(values) {
    this.values = values;
    /** @type {[string, (...args: any[]) => void][]} */
    this.listeners = [];
  }

  /** @param {string} name */
  get(name) {
    return this.values[name];
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    this.values[name] = value;
    for (const [event, listener] of this.listeners) if (event === `change:${name}`) listener();
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  on(event, listener) {
    this.listeners.push([event, listener]);
  }
}
