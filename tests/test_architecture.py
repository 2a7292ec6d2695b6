"""The rooms and the arrows between them, read from the source."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import daga_nb

ROOT = Path(daga_nb.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
STATIC = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("static/*"))}

# Which rooms a room may import from, at the head of its modules. A room may always import from itself.
ARROWS = {
    "errors": set(),
    "core": {"errors"},
    "engine": {"core", "errors"},
    "meta": set(),
    "action": {"engine", "meta", "errors"},
    "simulated": {"engine"},
    "nodes": {"action", "core", "engine", "errors", "simulated"},
    "options": {"core", "engine", "errors", "nodes"},
    "utils": {"action"},
    "graphs": {"engine", "errors", "meta"},
    "journal": {"core", "debug", "engine", "errors"},
    "running": {"engine", "errors", "journal"},
    "designed": {"engine", "errors", "options"},
    "flow": {
        "action",
        "core",
        "designed",
        "engine",
        "errors",
        "graphs",
        "nodes",
        "options",
        "running",
        "utils",
    },
    "sketching": {"action", "core", "engine", "errors", "flow", "graphs", "nodes", "simulated"},
    "debug": {"core", "engine", "errors"},
    "render": {"core", "errors"},
    "interop": {"action", "core", "engine", "errors", "flow", "nodes"},
    "page": {"core", "debug", "engine", "errors", "render"},
    "widgets": {"action", "core", "debug", "engine", "errors", "flow", "journal", "nodes", "page", "render"},
    "__init__": {"action", "engine", "errors", "flow"},
}

# Inside a function, and for convenience, these few reach upward.
UPWARD = {
    ("__init__.py", "_meet_the_shell", "widgets"),
    ("engine/decisions.py", "break_at", "debug"),
    ("engine/decisions.py", "replace", "nodes"),
    ("designed.py", "lint", "debug"),
    ("designed.py", "run_under", "debug"),
    ("debug/policies.py", "_repr_mimebundle_", "render"),
    ("designed.py", "sketched", "sketching"),
    ("designed.py", "with_actions", "sketching"),
    ("core/ledger.py", "_table", "render"),
    ("debug/side_by_side.py", "__str__", "render"),
    ("debug/simulated.py", "picture", "render"),
    ("debug/simulated.py", "to_frame", "render"),
    ("debug/story.py", "picture", "render"),
    ("debug/swept.py", "_table", "render"),
    ("debug/swept.py", "picture", "render"),
    ("debug/story.py", "report", "page"),
    ("engine/telling.py", "picture", "render"),
    ("engine/telling.py", "story", "debug"),
    ("engine/telling.py", "take_notes", "debug"),
    ("engine/telling.py", "timeline", "render"),
    ("journal/runs.py", "_table", "render"),
    ("debug/fork.py", "_log", "journal"),
    ("engine/run.py", "fork", "debug"),
    ("engine/run.py", "step", "debug"),
    ("engine/run.py", "step_action", "debug"),
    ("engine/run.py", "until", "debug"),
    ("running.py", "try_action", "debug"),
    ("flow.py", "_repr_mimebundle_", "render"),
}

# What is not of the standard library, and where it may be imported at run time.
OUTSIDE = {
    "networkx": {
        "core/plan.py",
        "flow.py",
        "graphs.py",
        "utils.py",
        "interop/wfformat.py",
        "sketching/flows.py",
    },
    "graphviz": {"render/dot.py"},
    "pygraphviz": {"render/dot.py"},
    "matplotlib": {
        "render/drawn.py",
        "render/ink.py",
        "render/moments.py",
        "render/odds.py",
        "render/paint.py",
        "render/picture.py",
        "render/sheet.py",
        "render/sweep_grid.py",
        "render/shown.py",
        "render/timeline.py",
    },
    "numpy": {"render/png.py"},
    "pandas": {"render/pandas_table.py"},  # only where it is installed
    "PIL": {"render/png.py"},
    "nest_asyncio2": {"engine/sync.py"},
    "anywidget": {"widgets/"},
    "ipywidgets": {"widgets/"},
    "traitlets": {"widgets/"},
    "IPython": {"widgets/"},
    "ipykernel": {"widgets/"},
}

# Of the standard library, and yet only in some rooms (nowhere, if the set is empty).
INSIDE = {
    "sqlite3": {"journal/file.py", "journal/foreign.py"},
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "ctypes": set(),
    "socket": set(),
    "http": set(),
    "urllib": set(),
    "subprocess": {"render/dot.py"},
    "asyncio": {"engine/", "debug/", "interop/", "simulated.py", "widgets/"},
    "concurrent": {"engine/"},
    "threading": {"engine/", "journal/file.py", "widgets/"},
    "time": {"engine/", "journal/", "utils.py", "widgets/"},
}

LONG = {
    "engine/driver.py": "the one loop of a run, with what cancels it and gives up on it",
}


class Found(ast.NodeVisitor):
    """The imports of a module: (where, what), where is None at its head, else the function's name."""

    def __init__(self, tree):
        self.imports = []
        self._where = None
        self.visit(tree)

    def visit_If(self, node):
        if "TYPE_CHECKING" in ast.dump(node.test):
            for branch in node.orelse:
                self.visit(branch)
        else:
            self.generic_visit(node)

    def _enter(self, node):
        before, self._where = self._where, self._where or node.name
        self.generic_visit(node)
        self._where = before

    visit_FunctionDef = visit_AsyncFunctionDef = _enter

    def visit_Import(self, node):
        self.imports += [(self._where, name.name) for name in node.names]

    def visit_ImportFrom(self, node):
        assert node.level == 0, "imports are absolute"
        self.imports.append((self._where, node.module))
        if node.module == "daga_nb":
            self.imports += [(self._where, f"daga_nb.{name.name}") for name in node.names]


TREES = {name: ast.parse(path.read_text(encoding="utf-8"), name) for name, path in FILES.items()}
IMPORTS = {name: Found(tree).imports for name, tree in TREES.items()}
EACH = pytest.mark.parametrize("name", FILES)


def room_of(module):
    """Give the room of a file ("core/plan.py") or of a module ("daga_nb.core.plan"); None for the package."""
    parts = re.split(r"[/.]", module.removesuffix(".py").removeprefix("daga_nb"))
    return next((part for part in parts if part), None)


def allowed(name, places):
    return any(name == place or (place.endswith("/") and name.startswith(place)) for place in places)


def test_every_room_is_known():
    assert {room_of(name) for name in FILES} == set(ARROWS)


@EACH
def test_arrows_go_one_way(name):
    room = room_of(name)
    for where, what in IMPORTS[name]:
        if what.startswith("daga_nb.") and where is None:
            assert room_of(what) in {room, *ARROWS[room]}, f"{name} imports {what}"


def test_the_rooms_have_no_circle():
    settled, open_rooms = set(), dict(ARROWS)
    while open_rooms:
        free = {room for room, needs in open_rooms.items() if needs <= settled}
        assert free, f"a circle among {sorted(open_rooms)}"
        settled |= free
        for room in free:
            del open_rooms[room]


def test_the_functions_that_reach_upward_are_these_few():
    found = set()
    for name, imports in IMPORTS.items():
        for where, what in imports:
            if (
                where
                and what.startswith("daga_nb.")
                and room_of(what) not in {room_of(name), *ARROWS[room_of(name)]}
            ):
                found.add((name, where, room_of(what)))
    assert found == UPWARD


def test_nothing_imports_the_widgets_but_the_package_on_first_use():
    users = {
        (name, where)
        for name, imports in IMPORTS.items()
        for where, what in imports
        if room_of(what) == "widgets" and what.startswith("daga_nb.") and room_of(name) != "widgets"
    }
    assert users == {("__init__.py", "_meet_the_shell")}


def test_what_is_loaded_on_first_use_stands_in_one_table():
    rooms = {place.split(".")[0] for place in daga_nb._ON_FIRST_USE.values()}
    assert rooms <= {"debug", "journal", "sketching", "widgets"}
    assert set(daga_nb._ON_FIRST_USE) <= set(daga_nb.__all__)
    others = set(daga_nb.__all__) - set(daga_nb._ON_FIRST_USE)
    assert others <= set(vars(daga_nb)), "all else is there at once"


@EACH
def test_what_is_not_ours_is_imported_where_it_belongs(name):
    for _where, what in IMPORTS[name]:
        package = what.split(".")[0]
        if package == "daga_nb":
            continue
        if package in sys.stdlib_module_names:
            assert package not in INSIDE or allowed(name, INSIDE[package]), f"{name} imports {what}"
        else:
            assert package in OUTSIDE, f"{name} imports {what}, which is not among the dependencies"
            assert allowed(name, OUTSIDE[package]), f"{name} imports {what}"


def test_the_core_knows_neither_asyncio_nor_a_clock_nor_threads():
    packages = {what.split(".")[0] for name in FILES if room_of(name) == "core" for _, what in IMPORTS[name]}
    assert packages <= {
        "__future__",
        "collections",
        "dataclasses",
        "daga_nb",
        "enum",
        "functools",
        "itertools",
    } | {
        "networkx",
        "sys",
        "typing",
    }


HEAVY = [
    "IPython",
    "ipywidgets",
    "anywidget",
    "matplotlib",
    "sqlite3",
    "graphviz",
    "nest_asyncio2",
    "pygraphviz",
]


@pytest.mark.parametrize(
    "use",
    [
        "import daga_nb",
        "from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun",
        "import daga_nb.action, daga_nb.flow, daga_nb.meta, daga_nb.utils, daga_nb.errors",
        "import daga_nb.debug.stepper, daga_nb.interop.wfformat",
        "from daga_nb import Scenario; Scenario('none').to_json()",
        "from daga_nb import DagaFlow, simulate; str(simulate(DagaFlow([(len, print)]), n=10))",
        "from daga_nb import DagaFlow; DagaFlow([(len, print)]).run_sync(1)",
        "import daga_nb; dir(daga_nb); repr(daga_nb); hasattr(daga_nb, 'nothing')",
    ],
)
def test_a_script_never_pays_for_jupyter(use):
    code = f"{use}\nimport sys\nprint('found', *[name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1].split() == ["found"]


# ------------------------------------------------------------------------------ the source


COLOUR = re.compile(r"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6})\b|\b(?:rgb|rgba|hsl|hsla|oklch)\(\s*\d")


@pytest.mark.parametrize("name", [name for name in (*FILES, *STATIC) if name != "render/theme.py"])
def test_no_colour_stands_outside_the_theme(name):
    text = {**FILES, **STATIC}[name].read_text(encoding="utf-8")
    assert COLOUR.findall(text) == []


def test_the_theme_has_the_colours():
    assert len(COLOUR.findall(FILES["render/theme.py"].read_text(encoding="utf-8"))) > 10


def test_no_module_is_too_long_but_those_with_a_reason():
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()}
    assert {name for name, count in lines.items() if count > 300} == set(LONG)
    assert max(lines.values()) <= 350


@EACH
def test_what_a_module_says_it_exports_is_there(name):
    module = importlib.import_module(
        ".".join(["daga_nb", *name.removesuffix(".py").split("/")]).removesuffix(".__init__")
    )
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert [one for one in exported if not hasattr(module, one)] == []
    if name.split("/")[-1] != "__init__.py":
        assert exported, f"{name} says nothing about what it exports"
        own = {
            node.name for node in TREES[name].body if isinstance(node, ast.ClassDef) and node.name[0] != "_"
        }
        assert own <= set(exported), "every public class is exported"


def test_no_name_ends_in_a_word_that_says_nothing():
    empty = re.compile(r"(Utils?|Manager|Helpers?|Handler)$")
    classes = {
        node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    assert {name for name in classes if empty.search(name)} == {"DagaFlowUtils"}
    modules = {Path(name).stem for name in FILES}
    assert {name for name in modules if re.search(r"(utils?|manager|helpers?|handler)$", name)} == {"utils"}


@EACH
def test_text_is_never_run_as_code(name):
    called = {
        node.func.id
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called.isdisjoint({"eval", "exec", "compile", "__import__"})


@EACH
def test_no_error_is_swallowed_whole(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ExceptHandler):
            wide = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            silent = all(isinstance(one, ast.Pass | ast.Continue | ast.Constant) for one in node.body)
            assert not (wide and silent), f"{name}:{node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            assert not {"Exception", "BaseException"} & {ast.unparse(one) for one in node.args}


@EACH
def test_every_module_and_public_thing_has_a_docstring(name):
    tree = TREES[name]
    assert FILES[name].stat().st_size == 0 or ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            if "overload" in map(ast.unparse, node.decorator_list):
                continue  # it only says more of the types; the docstring stands with the function itself
            assert ast.get_docstring(node), f"{name}: {node.name}"


@pytest.mark.parametrize("name", [name for name in STATIC if name.endswith(".js")])
def test_the_page_builds_no_html_from_text_and_loads_nothing(name):
    text = STATIC[name].read_text(encoding="utf-8")
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert danger not in text
    assert set(re.findall(r"https?://[^\"'`\s]*", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [name for name in STATIC if name.endswith(".css")])
def test_the_style_loads_nothing(name):
    text = STATIC[name].read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(" not in text
