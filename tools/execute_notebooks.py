"""Execute notebooks, all or those that are named, and save them with their outputs."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave out what only a running kernel can show, and what changes from time to time without a reason."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            # Without its kernel a widget is blank; the picture below it is what is shown.
            cell.outputs = [one for one in cell.outputs if WIDGET not in one.get("data", {})]
        if "solution" in cell.metadata.get("tags", ()):
            # What it says would give the answer away as well as its source.
            cell.metadata["jupyter"] = {"outputs_hidden": True, "source_hidden": True}


def main(paths: list[Path]) -> None:
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            store_widget_state=False,
            coalesce_streams=True,  # prints come in pieces, now so and now so
        ).execute()
        tidy(notebook)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
        print(f"{path}: {len(notebook.cells)} cells, {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    main(given or sorted((Path(__file__).parent.parent / "notebooks").rglob("[0-9]*.ipynb")))
