"""One JupyterLab for all browser tests; a notebook of its own for each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from driver import CHROMIUMS, Notebook, find_chromium, jupyterlab

FAILED = pytest.StashKey[bool]()
VIEW = {"width": 1400, "height": 1100}


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def _chromium() -> str:
    """Give the browser; without one, these tests are left out, but never in the CI."""
    found = find_chromium()
    if found is not None:
        return found
    reason = f"no browser: none of {', '.join(CHROMIUMS)} is on the PATH (Debian: apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    _chromium()
    with jupyterlab(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    # Not for the session: while Playwright is up, nothing else in this thread can run an event loop.
    from playwright.sync_api import sync_playwright

    path = _chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(server, browser):
    context = browser.new_context(viewport=VIEW)
    context.set_default_timeout(20_000)
    opened = context.new_page()
    opened.goto(f"{server.url}/lab?reset&token={server.token}")
    opened.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    yield opened
    context.close()


@pytest.fixture
def notebook(server, page, request, tmp_path):
    """Give a notebook; at the end, its page must have shown no error."""
    page.set_viewport_size(VIEW)
    page.emulate_media(reduced_motion="no-preference")
    opened = Notebook(server, page, re.sub(r"\W+", "-", request.node.name))
    yield opened
    if request.node.stash.get(FAILED, False):
        picture = tmp_path / "failed.png"
        page.screenshot(path=picture)
        print(f"what the page showed: {picture}\nits errors: {opened.errors}")
    opened.close()
    assert opened.errors == []
