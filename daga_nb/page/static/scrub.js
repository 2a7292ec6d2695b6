// @ts-check
// FlowPlayer: a story that is kept, in a notebook.

/** @param {{ model: any, el: HTMLElement }} place */
function renderPlayer({ model, el }) {
  const player = playerOf({ ...model.get("_record"), direction: model.get("direction") }, model.get("height"));
  el.append(player.element);
  return player.close;
}

export default { render: renderPlayer };
