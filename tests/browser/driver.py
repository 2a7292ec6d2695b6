"""A JupyterLab in a real browser: started once, driven by tests."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

# JupyterLab's own debugger says this when a page is left or closed while it asks the kernel.
NOT_OURS = ("Could not restore the debugger state",)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@dataclass
class Server:
    """A running JupyterLab and the folder that it serves."""

    url: str
    token: str
    folder: Path
    places: dict[str, str]

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook, and give its name in the folder."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.folder / name)
        return name

    def execute(self, name: str) -> None:
        """Execute a notebook without a browser, save its widgets' state in it, and trust it."""
        path = self.folder / name
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, store_widget_state=True, kernel_name="python3", timeout=40).execute()
        nbformat.write(notebook, path)
        command = [sys.executable, "-m", "jupyter", "trust", str(path)]
        subprocess.run(command, env={**os.environ, **self.places}, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Server]:
    port, token = _free_port(), secrets.token_hex(8)
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *(
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={notebooks}",
        ),
        "--expose-app-in-browser",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    places = {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    with open(folder / "jupyter.log", "wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **places}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", token, notebooks, places)
            _wait_until_up(server, process, folder / "jupyter.log")
            yield server
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{server.url}/api?token={server.token}", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


class Notebook:
    """A notebook that is open in the browser, with every error that its page has shown."""

    def __init__(self, server: Server, page: Any, name: str) -> None:
        self.server = server
        self.page = page
        self.name = name
        self.errors: list[str] = []
        page.on("pageerror", self._hear_error)
        page.on("console", self._hear_console)

    def _hear_error(self, error: Any) -> None:
        self.errors.append(str(error))

    def _hear_console(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(NOT_OURS):
            self.errors.append(message.text)

    # ---------------------------------------------------------------- notebook

    def show(self, *cells: str) -> None:
        """Write a notebook of these cells, open it, and run it."""
        self.open(self.server.write(f"{self.name}.ipynb", *cells))
        self.run_all()

    def open(self, name: str) -> None:
        """Open a notebook of the server's folder."""
        self.page.evaluate(
            "path => window.jupyterapp.commands.execute('docmanager:open', { path }).then(() => null)", name
        )
        self.wait(f"panel()?.context?.path === {name!r} && panel().content.widgets?.length")
        self.wait_for_kernel()

    def close(self) -> None:
        """Close it without saving, end its kernel, and hear no more of the page."""
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp, panel = app.shell.currentWidget;
                await app.serviceManager.sessions.shutdownAll();
                panel?.dispose();
            }"""
        )
        self.page.remove_listener("pageerror", self._hear_error)
        self.page.remove_listener("console", self._hear_console)

    def wait_for_kernel(self) -> None:
        self.wait("panel()?.sessionContext?.session?.kernel?.status === 'idle'")

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(f"() => {{ {_PANEL} return {script}; }}")

    def wait(self, script: str) -> None:
        """Wait until an expression in the page is true."""
        self.page.wait_for_function(f"() => {{ {_PANEL} return {script}; }}")

    def command(self, name: str) -> None:
        self.page.evaluate("name => window.jupyterapp.commands.execute(name).then(() => null)", name)

    def run_all(self) -> None:
        self.command("notebook:run-all-cells")
        self.wait_for_kernel()

    def run_cell(self, code: str) -> None:
        """Run a new cell at the end."""
        self.command("notebook:insert-cell-below")
        self.page.evaluate(
            f"code => {{ {_PANEL} panel().content.activeCell.model.sharedModel.setSource(code); }}", code
        )
        self.command("notebook:run-cell")
        self.wait_for_kernel()

    def ask(self, expression: str) -> Any:
        """Give the value of an expression in the kernel: no cell is made, and nothing in the page changes."""
        content = self.page.evaluate(
            f"""async expression => {{
                {_PANEL}
                const asked = panel().sessionContext.session.kernel.requestExecute({{
                    code: "", silent: true, store_history: false, stop_on_error: false,
                    user_expressions: {{ asked: `__import__("json").dumps(${{expression}})` }},
                }});
                return (await asked.done).content;
            }}""",
            expression,
        )
        told = content["user_expressions"]["asked"]
        assert told["status"] == "ok", told
        return json.loads(ast.literal_eval(told["data"]["text/plain"]))

    def set_cell(self, number: int, code: str) -> None:
        """Write into a cell that is there, and run it."""
        self.page.evaluate(
            f"""([number, code]) => {{
                {_PANEL}
                panel().content.activeCellIndex = number;
                panel().content.activeCell.model.sharedModel.setSource(code);
            }}""",
            [number, code],
        )
        self.command("notebook:run-cell")
        self.wait_for_kernel()

    def output(self) -> str:
        """Give what stands below the last cell as text."""
        return str(self.page.locator(".jp-Cell .jp-OutputArea").last.inner_text())

    def save(self) -> None:
        self.command("docmanager:save")
        self.wait("!panel().context.model.dirty")

    def reload(self) -> None:
        self.page.reload()
        self.wait("panel()?.content?.widgets?.length")
        self.wait_for_kernel()

    def restart_kernel(self) -> None:
        self.page.evaluate(
            f"async () => {{ {_PANEL} await panel().sessionContext.session.kernel.restart(); }}"
        )
        self.wait_for_kernel()

    def cells(self) -> int:
        return int(self.evaluate("panel().content.widgets.length"))

    def theme(self, name: str) -> None:
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name
        )
        light = "true" if name.endswith("Light") else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
        # While the theme changes, a picture of JupyterLab's lies over the page, and would take the clicks.
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    # --------------------------------------------------------------------- lab

    def states(self, view: int = 0) -> list[str]:
        """Give the states that a view shows, in plan order."""
        return list(self.evaluate(f"states({view})"))

    def wait_for_states(self, *states: str, view: int = 0) -> None:
        self.wait(f"states({view}).join() === {','.join(states)!r}")

    def press(self, command: str) -> None:
        """Click a button of the lab, as soon as it is enabled."""
        self.page.click(f".dnb-lab [data-command={command}][aria-disabled=false]")

    def node(self, number: int) -> Any:
        return self.page.locator(f".dnb-node[data-node='{number}']").first

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def see(self, selector: str, text: str | None = None) -> None:
        """Wait until something is seen: an element, with this text in it."""
        self.page.wait_for_selector(selector if text is None else f"{selector}:has-text({text!r})")

    def read(self, selector: str) -> str:
        """Give the text of the first such element that is seen."""
        return str(self.page.locator(f"{selector}:visible").first.inner_text())

    def log(self) -> list[str]:
        """Give the words of the log's lines that stand in the page."""
        return list(
            self.evaluate(
                "[...document.querySelectorAll('.dnb-foot .dnb-lines[aria-label=log] .dnb-words')]"
                ".map(line => line.textContent)"
            )
        )

    def paints(self, *keys: str) -> list[float]:
        """Give for each key, pressed where the focus is, the milliseconds to the next paint."""
        return [float(took) for took in paints(self.page, *keys)]

    def record(self) -> None:
        """Write down every change of state from now on, in the order in which the page shows it."""
        self.page.evaluate(
            """() => {
                window.recorded = [];
                new MutationObserver(changes => {
                    for (const { target, oldValue } of changes)
                        if (target.dataset.node !== undefined && oldValue !== target.dataset.state)
                            window.recorded.push(target.dataset.node + " " + target.dataset.state);
                }).observe(document.querySelector(".dnb-graph"),
                           { subtree: true, attributeFilter: ["data-state"], attributeOldValue: true });
            }"""
        )

    def recorded(self) -> list[str]:
        return list(self.page.evaluate("() => window.recorded"))


def paints(page: Any, *keys: str) -> list[float]:
    """Press keys, and give for each the milliseconds from the keydown until what it changed is painted.

    A frame that is asked for by the key comes before that paint; a message sent in it comes after it.
    """
    page.evaluate(
        """() => {
            window.painted = [];
            window.deaf?.abort();
            window.deaf = new AbortController();
            window.addEventListener("keydown", event => {
                const begun = event.timeStamp;
                requestAnimationFrame(() => {
                    const { port1, port2 } = new MessageChannel();
                    port1.onmessage = () => window.painted.push(performance.now() - begun);
                    port2.postMessage(null);
                });
            }, { capture: true, signal: window.deaf.signal });
        }"""
    )
    for number, key in enumerate(keys, start=1):
        page.keyboard.press(key)
        page.wait_for_function("number => window.painted.length === number", arg=number)
    return list(page.evaluate("() => window.painted"))


_PANEL = """
    const panel = () => window.jupyterapp?.shell?.currentWidget;
    const graphs = document.getElementsByClassName("dnb-graph");
    const nodes = view => [...(graphs[view]?.getElementsByClassName("dnb-node") ?? [])];
    const states = view => nodes(view).map(node => node.dataset.state);
"""
