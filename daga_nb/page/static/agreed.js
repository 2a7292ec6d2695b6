// @ts-check
// What actions and the flow have agreed on: marks beside the name, lines behind save points, and words for it all.

const MARK_SIZE = 12.5;
/** How much larger marks are where there are no words below the name. */
const MARKS_FROM_AFAR = 1.44;
const MARKS_END = 13;
const MARKS_GAP = 7;
const SAVE_LINE_AT = 5;

/**
 * The tags of an action: its words, the glyph of its mark, that once it is reached, and a number.
 * @param {any} face
 * @param {number} number
 * @returns {string[][]}
 */
function tagsOf(face, number) {
  const { texts, at } = face.agreed;
  return (at[number] ?? []).map((/** @type {number} */ one) => texts[one]);
}

/** The marks of a card, to the right of its name. They have room of their own, whatever its state is. */
class Marks {
  /**
   * @param {any} face
   * @param {number} number
   * @param {number} width of the card
   * @param {number} y
   */
  constructor(face, number, width, y) {
    this.done = face.agreed.done;
    this.tags = tagsOf(face, number);
    const marks = this.tags.filter(([, glyph]) => glyph);
    this.parts = marks.map(([, glyph, , short], place) => svg("tspan", { dx: place ? MARKS_GAP : 0, text: glyph + short }));
    this.signs = marks.map(([, glyph, reached, short]) => [glyph + short, reached + short]);
    this.room = this.signs.reduce((sum, [text]) => sum + MARKS_GAP + widthOf(text, `600 ${MARK_SIZE}px ${FONT}`), marks.length ? 5 : 0);
    this.element = marks.length
      ? svg("text", { class: "dnb-marks", x: width - MARKS_END, y, "font-size": MARK_SIZE }, ...this.parts)
      : null;
  }

  /** @param {number} state */
  paint(state) {
    const reached = Number(state === this.done);
    this.parts.forEach((part, place) => {
      const text = this.signs[place][reached];
      if (part.textContent !== text) part.textContent = text;
    });
  }
}

/**
 * A line behind a batch that ends in a save point.
 * @param {number[]} band
 * @param {number} batch
 * @param {string} direction
 */
function saveLine([x, y, width, height], batch, direction) {
  const across = direction === "LR";
  const [x1, y1] = across ? [x + width + SAVE_LINE_AT, y] : [x, y + height + SAVE_LINE_AT];
  const [x2, y2] = across ? [x1, y + height] : [x + width, y1];
  return svg("line", { class: "dnb-save", "data-batch": batch, x1, y1, x2, y2 }, svg("title", { text: `save point after batch ${batch}` }));
}

/**
 * Which save points are reached: all up to there is done.
 * @param {any} face
 * @param {NodeCard[]} cards
 */
function reachedBatch(face, cards) {
  const open = cards.filter((card) => card.mark[0] !== face.agreed.done).map((card) => face.batch[card.number]);
  return Math.min(Infinity, ...new Set(open)) - 1;
}

/**
 * What the marks mean that stand on any card, and what the flow has chosen for all its runs.
 * @param {any[]} faces
 */
function agreedLegend(faces) {
  /** @type {Map<string, string>} */
  const words = new Map(faces.flatMap((face) => face.agreed.legend));
  return [...words].map(([glyph, text]) => html("span", { class: "dnb-agreed" }, html("i", { text: glyph, "aria-hidden": "true" }), text));
}

/**
 * The choices of a flow, other than the default.
 * @param {any} face
 */
function choicesOf(face) {
  const { flow, flow_glyph } = face.agreed;
  return flow.map((/** @type {string} */ text) => html("span", { class: "dnb-agreed" }, html("i", { text: flow_glyph, "aria-hidden": "true" }), text));
}

/**
 * What an action has agreed on, as a row of an inspector.
 * @param {any} face
 * @param {number} number
 */
function agreedRow(face, number) {
  const words = tagsOf(face, number).map(([text]) => text);
  return words.length ? [html("dt", { text: "agreed" }), html("dd", { text: words.join(", ") })] : [];
}
