// @ts-check
// Making elements. Text of others reaches the page as textContent alone.

const SVG_NS = "http://www.w3.org/2000/svg";

/**
 * @param {Element} element
 * @param {Record<string, any>} attributes
 * @param {(Node | string)[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string)} children
 * @returns {any}
 */
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG_NS, tag), attributes, children);
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string)} children
 * @returns {any}
 */
function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Small pictures for buttons, 16 by 16, drawn in the colour of the text. */
const ICONS = {
  run: "M4 2l9 6-9 6z",
  pause: "M4 2h3v12H4zM9 2h3v12H9z",
  batch: "M2 2l6 6-6 6zM8 2l6 6-6 6z",
  action: "M2 7h7V3l5 5-5 5V9H2z",
  back: "M6 3L1 7.5 6 12V9c4 0 6 1 8 4 0-5-3-7-8-7z",
  reset: "M8 2a6 6 0 1 1-5.6 8h2.2A4 4 0 1 0 8 4v3L3.5 3.8 8 .5z",
  fit: "M2 2h4v2H4v2H2zM10 2h4v4h-2V4h-2zM2 10h2v2h2v2H2zM12 10h2v4h-4v-2h2z",
  turn: "M2 5h8V2l4 4-4 4V7H2zM14 11H6v3l-4-2.5L6 9v1h8z",
  first: "M2 2h2v12H2zM14 2L6 8l8 6z",
  previous: "M12 2L4 8l8 6z",
  next: "M4 2l8 6-8 6z",
  fork: "M3 1h2v6c3 0 5-1 5-3V3h2v1c0 3-3 5-7 5v6H3z",
  scenario: "M2 2h5l1 2h6v10H2zM4 6v6h8V6z",
  plus: "M7 3h2v4h4v2H9v4H7V9H3V7h4z",
  minus: "M3 7h10v2H3z",
  copy: "M2 1h8v2H4v8H2zM6 5h8v10H6zM8 7v6h4V7z",
  keys: "M1 4h14v9H1zM3 6v1h1V6zm2 0v1h1V6zm2 0v1h1V6zm2 0v1h1V6zm2 0v1h1V6zM4 9v2h8V9z",
  side: "M1 3h14v10H1zM3 5v6h6V5z",
};

/** @param {keyof typeof ICONS} name */
function icon(name) {
  return svg(
    "svg",
    { class: "dnb-icon", viewBox: "0 0 16 16", width: 13, height: 13, "aria-hidden": "true" },
    svg("path", { d: ICONS[name], fill: "currentColor", "fill-rule": "evenodd" }),
  );
}

/**
 * A button that keeps the focus where it was when the mouse presses it: keys go on working.
 * It is never `disabled`, which would drop the focus; `aria-disabled` says and does the same.
 * @param {{ icon?: keyof typeof ICONS, label: string, key?: string, title?: string, class?: string }} look
 * @param {() => void} press
 */
function button(look, press) {
  const element = html("button", {
    type: "button",
    class: `dnb-button ${look.class ?? ""}`,
    title: look.title ?? look.label,
    "aria-label": look.title ?? look.label,
    onmousedown: (/** @type {Event} */ event) => {
      event.preventDefault();
      const box = /** @type {HTMLElement} */ (event.currentTarget).closest(".dnb-box");
      if (box instanceof HTMLElement && !box.contains(document.activeElement)) box.focus({ preventScroll: true });
    },
    onclick: () => {
      if (element.getAttribute("aria-disabled") !== "true") press();
    },
  });
  if (look.icon) element.append(icon(look.icon));
  if (look.label) element.append(html("span", { text: look.label }));
  if (look.key) element.append(html("kbd", { text: look.key, "aria-hidden": "true" }));
  return element;
}

/**
 * @param {string} label
 * @param {string[]} values
 * @param {() => void} change
 */
function select(label, values, change) {
  return html("select", { class: "dnb-kind", "aria-label": label, onchange: change }, ...values.map((value) => html("option", { value, text: value })));
}

/**
 * A small button that copies a text, and says so.
 * @param {string} what
 * @param {() => string} text
 */
function copyButton(what, text) {
  const made = button({ icon: "copy", label: "", title: `copy ${what}`, class: "dnb-copy" }, async () => {
    try {
      await navigator.clipboard.writeText(text());
      made.dataset.copied = "yes";
    } catch {
      made.dataset.copied = "no"; // Pages that are not served safely may not: the text can be marked by hand.
    }
    window.setTimeout(() => delete made.dataset.copied, 1200);
  });
  return made;
}

/**
 * @param {Element} element
 * @param {boolean} possible
 */
function enable(element, possible) {
  const value = possible ? "false" : "true";
  if (element.getAttribute("aria-disabled") !== value) element.setAttribute("aria-disabled", value);
}

/**
 * Change a part. If what has the focus in it is not seen any more, the widget gets it: its keys go on working.
 * @param {HTMLElement} part
 * @param {() => void} change
 */
function keepFocus(part, change) {
  const held = document.activeElement;
  change();
  if (!(held instanceof HTMLElement) || !part.contains(held)) return;
  if (held.matches(":disabled") || !held.getClientRects().length) {
    /** @type {HTMLElement | null} */ (part.closest(".dnb-box"))?.focus({ preventScroll: true });
  }
}

/** @type {CanvasRenderingContext2D | null} */
let ruler = null;

/**
 * How wide a text is, in pixels.
 * @param {string} text
 * @param {string} font
 */
function widthOf(text, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  if (!ruler) return text.length * 8;
  ruler.font = font;
  return ruler.measureText(text).width || 1;
}

/**
 * The text, or as much of it as fits, with an ellipsis; more of its end, where names that look alike differ.
 * @param {string} text
 * @param {number} width
 * @param {string} font
 */
function fitted(text, width, font) {
  if (widthOf(text, font) <= width) return text;
  const signs = [...text.replace("…", "")];
  const cut = (/** @type {number} */ kept) => {
    const end = Math.ceil(kept * 0.6);
    return signs.slice(0, kept - end).join("") + "…" + signs.slice(signs.length - end).join("");
  };
  let low = 0;
  let high = signs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(cut(middle), font) <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

/** Whether the reader asked for little motion. */
function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
