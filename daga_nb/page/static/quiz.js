// @ts-check
// Predict, then step: the marks on the cards, and the score.

const SIGNS = { guess: "?", right: "✓", wrong: "✗", missed: "!" };
const WORDS = {
  guess: "you say that it is undone next",
  right: "right: it was undone",
  wrong: "wrong: it was not undone then",
  missed: "missed: it was undone",
};

class Quiz {
  /** @param {Graph} graph */
  constructor(graph) {
    this.graph = graph;
    this.asking = false;
    /** @type {Map<number, string>} */
    this.marks = new Map();
    this.element = html("span", { class: "dnb-quiz-score", role: "status", "aria-live": "polite", hidden: true });
  }

  /** @param {any} quiz */
  show(quiz) {
    this.asking = Boolean(quiz?.asking);
    this.element.hidden = !quiz;
    if (!quiz) return;
    const [right, wrong, missed] = quiz.verdict ?? [[], [], []];
    /** @type {Map<number, string>} */
    const marks = new Map();
    for (const [name, nodes] of Object.entries({ guess: quiz.guess, right, wrong, missed })) {
      for (const node of nodes) marks.set(node, name);
    }
    this.marks = marks;
    this.paint();
    const verdict = quiz.verdict && (wrong.length || missed.length ? "not quite · " : "right · ");
    this.element.textContent = `predict · ${verdict || ""}${quiz.score}`;
  }

  paint() {
    this.graph.cards.forEach((card, number) => {
      const mark = this.marks.get(number) ?? "";
      if ((card.element.dataset.quiz ?? "") === mark) return;
      card.element.dataset.quiz = mark;
      card.element.querySelector(".dnb-quiz")?.remove();
      if (mark) card.element.append(quizBadge(mark, card.width));
    });
  }
}

/**
 * @param {string} mark
 * @param {number} width
 */
function quizBadge(mark, width) {
  return svg(
    "g",
    { class: "dnb-quiz", "data-mark": mark, transform: `translate(${width / 2} -4)` },
    svg("title", { text: /** @type {any} */ (WORDS)[mark] }),
    svg("circle", { r: 13 }),
    svg("text", { "font-size": 16, text: /** @type {any} */ (SIGNS)[mark] }),
  );
}
