// @ts-check
// The page of a report: the record stands in it, and is shown.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => (document.body.dataset.jpThemeLight = String(!dark.matches));
dark.addEventListener("change", paint);
paint();

const place = document.querySelector("main");
const record = JSON.parse(document.getElementById("record")?.textContent ?? "null");
if (place && record) {
  const player = playerOf(record);
  const made = html("p", { class: "dnb-soft dnb-made", text: record.when ? `begun ${record.when}` : "" });
  place.replaceChildren(player.element, made);
  player.viewer.history.go(0);
  player.viewer.live();
  player.element.focus({ preventScroll: true });
}

export default {};
