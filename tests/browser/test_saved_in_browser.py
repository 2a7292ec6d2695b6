"""What is seen of a lab, a canvas, a player, a twin where it cannot live: reopened, untrusted, a page."""

from __future__ import annotations

import nbformat
from flows import LAB, TRIP
from nbconvert import HTMLExporter

FAULT = "bench.plant('payment', 'after'); None"
STORIES = ("from daga_nb import compare, scrub\nscrub(bench.run)", "compare(bench.run, bench.run)")
CELLS = (TRIP, LAB.format(speed=1.0), FAULT, "canvas(bench.run)", *STORIES)
WIDGETS = 4
PICTURE = ".jp-OutputArea-child:has(> .jp-RenderedImage, > .jp-RenderedSVG)"


def saved(notebook, name):
    """Run the cells, save as JupyterLab does unless told otherwise, without widget state, and close."""
    notebook.show(*CELLS)
    notebook.page.wait_for_selector(".dnb-twin")
    notebook.save()
    notebook.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    notebook.command("application:close")
    made = nbformat.read(notebook.server.folder / f"{notebook.name}.ipynb", as_version=4)
    assert "widgets" not in made.metadata
    nbformat.write(made, notebook.server.folder / name)
    return made


def pardon(notebook):
    """Leave out the widget manager's own words about a view that has no kernel."""
    notebook.errors[:] = [one for one in notebook.errors if "widget model not found" not in one]


def test_beside_the_living_view_no_picture_is_seen(notebook):
    notebook.show(*CELLS)
    notebook.page.wait_for_selector(".dnb-twin")
    assert notebook.page.locator(PICTURE).count() == WIDGETS
    assert notebook.page.locator(f"{PICTURE}:visible").count() == 0
    assert notebook.page.locator(".dnb-box:visible").count() == WIDGETS


def test_a_picture_is_seen_in_a_notebook_that_is_opened_again_without_its_kernel(notebook):
    name = f"{notebook.name}.ipynb"
    saved(notebook, name)
    notebook.open(name)
    notebook.page.wait_for_function(
        f"() => [...document.querySelectorAll({PICTURE!r})]"
        f".filter(one => one.clientHeight > 99).length === {WIDGETS}"
    )
    pardon(notebook)


def test_a_picture_is_seen_in_a_notebook_that_is_not_trusted(notebook):
    made = saved(notebook, "foreign.ipynb")
    made.cells[0].source += "\n# changed by somebody"
    nbformat.write(made, notebook.server.folder / "foreign.ipynb")
    notebook.open("foreign.ipynb")
    notebook.page.wait_for_selector(".jp-RenderedImage img")
    pictures = notebook.page.locator(".jp-RenderedImage img")
    assert pictures.count() == WIDGETS
    assert notebook.page.locator(".dnb-box").count() == 0
    pardon(notebook)


def test_a_picture_is_seen_on_a_page_made_by_nbconvert(notebook, tmp_path):
    made = saved(notebook, "page.ipynb")
    body, _ = HTMLExporter().from_notebook_node(made)
    page = tmp_path / "page.html"
    page.write_text(body, encoding="utf-8")
    # A page of its own, without the network: it cannot get the widgets' code from elsewhere.
    shown = notebook.page.context.new_page()
    shown.route("http*://**", lambda route: route.abort())
    shown.goto(page.as_uri())
    pictures = shown.locator(".jp-RenderedSVG img, .jp-RenderedSVG svg, .jp-RenderedImage img")
    assert pictures.count() == WIDGETS
    assert all(box["height"] > 100 for box in (pictures.nth(i).bounding_box() for i in range(WIDGETS)))
    shown.close()
