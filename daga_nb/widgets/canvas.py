"""The live graph of a run, alone: for one's own dashboards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import traitlets

from daga_nb.engine.preview import whole
from daga_nb.engine.run import FlowRun
from daga_nb.errors import FlowDefinitionError, describe
from daga_nb.page.bundle import module, style
from daga_nb.page.marks import face, head
from daga_nb.page.modules import GRAPH_MODULES
from daga_nb.render.agreed import room_beside
from daga_nb.render.dot import layout
from daga_nb.widgets.commands import Command, parse
from daga_nb.widgets.feed import Feed
from daga_nb.widgets.loop import Home
from daga_nb.widgets.pictured import PicturedWidget, check_view
from daga_nb.widgets.shell import after_each_cell

__all__ = ["FlowCanvas", "GraphWidget", "canvas"]


class GraphWidget(PicturedWidget):
    """What the canvas and the lab share: a graph that follows a run, in any number of views.

    Attributes
    ----------
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom; may be set.
    height
        The height of the graph in pixels; None for one that suits it.
    selected
        The display name of the action that was selected last, in any view; can be observed.
    ignored
        How many messages from the page were no command, and were left alone.
    """

    selected = traitlets.Unicode(None, allow_none=True)
    _face = traitlets.Dict().tag(sync=True)
    _layouts = traitlets.Dict().tag(sync=True)
    _now = traitlets.Dict().tag(sync=True)

    # One that could not be made is closed too, when it is thrown away.
    _forget_cells: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self, run: FlowRun, *, direction: Literal["LR", "TB"], height: int | None, **traits: Any
    ) -> None:
        check_view(direction, height)
        self.ignored = 0
        self._run = run
        self._beside = room_beside(run.tags)
        self._home = Home(self._complain)
        self._feed = Feed(self._tell, self._keep, self._extras, self._heard, self._head)
        self._feed.follow(run)
        super().__init__(
            direction=direction,
            height=height,
            _face=face(run.plan, run.flow.name, run.flow.lint(), tags=run.tags, policy=run.policy),
            _layouts={direction: layout(run.plan, direction, self._beside).to_json()},
            _now=self._feed.snapshot(),
            **traits,
        )
        self._forget_cells = after_each_cell(self._cell_has_run)
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._run!r}>"

    @property
    def run(self) -> FlowRun:
        """The run that is shown."""
        return self._run

    def close(self) -> None:
        """Stop following the run, and take the views away."""
        self._forget_cells()
        if hasattr(self, "_feed"):
            self._feed.close()
        super().close()

    def _picture(self, direction: Literal["LR", "TB"]) -> Any:
        from daga_nb.render.picture import picture_of_run

        return picture_of_run(self._run, direction)

    @traitlets.observe("direction")
    def _lay_out(self, change: Any) -> None:
        if change.new not in self._layouts:
            made = layout(self._run.plan, change.new, self._beside)
            self._layouts = {**self._layouts, change.new: made.to_json()}

    def _cell_has_run(self) -> None:
        self._feed.rest()

    def _tell(self, message: dict[str, Any]) -> None:
        self.send(message)

    def _keep(self, snapshot: dict[str, Any]) -> None:
        self._now = snapshot

    def _head(self, run: FlowRun) -> dict[str, Any]:
        return head(run)

    def _extras(self, changed: set[int] | None) -> dict[str, Any]:
        return {}

    def _heard(self, event: Any) -> None:
        if event.node is None and event.state.ended:
            self._home.call(self._feed.rest)

    def _complain(self, error: BaseException) -> None:
        self._tell({"t": "error", "text": whole(describe(error))})

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        # May run on any thread, beside another event loop: hand it over, and do nothing else.
        self._home.call(self._understand, content)

    def _understand(self, content: Any) -> None:
        command = parse(content, len(self._run.plan))
        if command is None:
            self.ignored += 1
        else:
            self._obey(command)

    def _obey(self, command: Command) -> None:
        """Do what the page asks."""
        if command.name == "hello":
            self._feed.tell_all()
        elif command.name == "direction":
            self.direction = command.to
        elif command.name == "look":
            self.selected = self._run.plan.names[command.node or 0]


class FlowCanvas(GraphWidget):
    """The live graph of one run. `canvas` makes it.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(abs, max)])
    >>> graph = FlowCanvas(flow.start())
    >>> graph.direction
    'LR'
    """

    _esm = module(*GRAPH_MODULES, "canvas.js")
    _css = style("graph.css")

    def __init__(
        self, run: FlowRun, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None
    ) -> None:
        super().__init__(run, direction=direction, height=height)


def canvas(run: FlowRun, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None) -> FlowCanvas:
    """Give the live graph of `run`, which follows it in every output that shows it.

    Parameters
    ----------
    run
        The run to follow: ``flow.start(...)``.
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        Its height in pixels; None for one that suits the graph.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return 842.0
    >>> async def pay(results): return "paid"
    >>> run = DagaFlow([(quote, pay)]).start()
    >>> canvas(run, direction="TB").run is run
    True
    """
    if not isinstance(run, FlowRun):
        raise FlowDefinitionError(f"canvas follows a FlowRun, flow.start(...), not {type(run).__name__}")
    return FlowCanvas(run, direction=direction, height=height)
