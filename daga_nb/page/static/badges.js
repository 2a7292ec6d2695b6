// @ts-check
// What sits on a card: that it failed, planted failures, breakpoints, and the handles that plant them.

/**
 * The mark that stays on an action that failed, also after its rollback.
 * @param {any} face
 * @param {number} height
 */
function failedBadge(face, height) {
  return svg(
    "g",
    { class: "dnb-failed", transform: `translate(2 ${height - 1})` },
    svg("title", { text: "it failed" }),
    svg(
      "g",
      { class: "dnb-pin" },
      svg("circle", { r: 9 }),
      svg("text", { "font-size": 12, text: face.failed_glyph }),
    ),
  );
}

const PILL_EDGE = 6;
const PILL_GAP = 4;

/**
 * A planted failure: a pill on the side where it strikes. Before the effect: where the edges come in; after
 * it: where they go out; in the rollback: below, on the way back. Its word says what is planted, and when.
 * Once it has struck it is filled, and says how often if that is more than once; dashed, it never did.
 * @param {any} face
 * @param {any[]} fault place, word, how often it struck, in words, whether it is plain
 * @param {number} width
 * @param {number} height
 * @param {boolean} alone whether no other one stands above the card
 */
function faultBadge(face, [index, word, struck, told, plain], width, height, alone) {
  const place = face.places[index];
  const font = `650 13px ${FONT}`;
  const count = struck > 1 ? (struck > 99 ? "99+" : String(struck)) : "";
  const beside = 28 + (count ? 9 + widthOf(count, font) : 0);
  const most = (place === "rollback" || alone ? width * 0.8 : (width + 2 * PILL_EDGE - PILL_GAP) / 2) - beside;
  const words = widthOf(word, font) <= most ? word : fitted(word.split(" ")[0], most, font);
  const end = 20 + widthOf(words, font);
  const room = beside + end - 20;
  const x = place === "before" ? -PILL_EDGE : width - room + PILL_EDGE;
  const y = place === "rollback" ? height - 10 : -12;
  return svg(
    "g",
    { class: "dnb-fault", "data-place": place, "data-plain": plain, "data-struck": struck > 0 ? "yes" : struck ? "never" : "no", transform: `translate(${x} ${y})` },
    svg("title", { text: told }),
    svg(
      "g",
      { class: "dnb-pin" },
      svg("rect", { width: room, height: 20, rx: 10 }),
      svg("text", { class: "dnb-bolt", x: 11, y: 10.5, "font-size": 13, text: face.fault_glyph }),
      svg("text", { class: "dnb-pill", x: 20, y: 10.5, "font-size": 13, text: words }),
      ...(count ? [svg("path", { d: `M${end + 4} 3.5v13` }), svg("text", { class: "dnb-pill", x: end + 8.5, y: 10.5, "font-size": 13, text: count })] : []),
    ),
  );
}

/**
 * Seen on the card under the pointer and on the selected one: a click plants a failure, or moves it on.
 * @param {any} face
 * @param {number} width
 */
function handleOf(face, width) {
  return svg(
    "g",
    { class: "dnb-handle", transform: `translate(${width - 4} 1)` },
    svg("circle", { r: 11 }),
    svg("text", { "font-size": 13, text: face.fault_glyph }),
    svg("title", { text: "plant a failure, move it on, or remove it (F)" }),
  );
}

/** @param {number} r */
function pauseSign(r) {
  const [x, y, w] = [r * 0.42, r * 0.5, r * 0.3];
  return `M${-x} ${-y}h${w}v${2 * y}h${-w}zM${x - w} ${-y}h${w}v${2 * y}h${-w}z`;
}

/**
 * A breakpoint: on the side where the run comes in, forward on the left, back on the right.
 * @param {string} phase
 * @param {number} width
 * @param {number} height
 */
function stopBadge(phase, width, height) {
  const back = phase !== "forward";
  return svg(
    "g",
    { class: "dnb-stop", "data-phase": phase, transform: `translate(${back ? width + 1 : -1} ${height / 2})` },
    svg("title", { text: `stops before ${back ? "its rollback" : "it"}` }),
    svg("g", { class: "dnb-pin" }, svg("circle", { class: "dnb-stop-halo", r: 14 }), svg("circle", { class: "dnb-stop-face", r: 9.5 }), svg("path", { d: pauseSign(9.5) })),
  );
}

/**
 * What lint has found of an action, the worst first: glyph, kind, rule, why, what to do.
 * @param {any} face
 * @param {number | string} node
 * @returns {string[][]}
 */
function doubtsOf(face, node) {
  const { texts, at } = face.doubts;
  return (at[node] ?? []).map((/** @type {number} */ number) => texts[number]);
}

/**
 * That lint doubts an action: a small square, so that nobody takes it for a state. A note alone has none.
 * @param {string[][]} doubts
 * @param {number} height
 */
function doubtBadge(doubts, height) {
  const [glyph, kind] = doubts[0];
  return svg(
    "g",
    { class: "dnb-doubt", "data-kind": kind, transform: `translate(25 ${height - 1})` },
    svg("title", { text: doubts.map((doubt) => `${doubt[1]}: ${doubt[3]}`).join("\n") }),
    svg("g", { class: "dnb-pin" }, svg("rect", { x: -8.5, y: -8.5, width: 17, height: 17, rx: 4 }), svg("text", { "font-size": 12.5, text: glyph })),
  );
}

/**
 * What lint has found, in words.
 * @param {string[][]} doubts
 */
function doubtRows(doubts) {
  return doubts.map(([glyph, kind, rule, why, act]) =>
    html(
      "div",
      { class: "dnb-doubt-row", "data-kind": kind },
      html("div", { class: "dnb-label" }, html("span", { text: `${glyph} ${kind}: ${rule}` })),
      html("p", { text: why }),
      html("p", { class: "dnb-soft", text: act }),
    ),
  );
}

/** @param {number} height */
function stopHandle(height) {
  return svg(
    "g",
    { class: "dnb-stop-handle", transform: `translate(-1 ${height / 2})` },
    svg("circle", { r: 9.5 }),
    svg("path", { d: pauseSign(9.5) }),
    svg("title", { text: "stop before it, before its rollback, or not at all (S)" }),
  );
}
