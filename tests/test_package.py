"""What holds for the package as a whole: light imports, one direction, documented names."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import masktopo

PACKAGE = Path(masktopo.__file__).parent
ROOT = Path(__file__).parents[1]
HEAVY = ["torch", "matplotlib", "igraph", "numba", "pandas", "scipy"]

# A module imports only from its own layer and from those to the left of it.
LAYERS = (
    (
        "errors",
        "_check",
        "_random",
        "_numba",
        "_files",
        "_sealed",
        "_lines",
        "_progress",
        "_threads",
    ),
    ("masks",),
    ("kernels",),
    ("graphs",),
    ("metrics",),
    ("report", "page", "pictures", "layerwise", "analysis", "comparison"),
    ("monitor",),
    ("data",),
    ("networks",),
    ("pruning",),
    ("training",),
    ("sampling",),
    ("study", "_warmup"),
    ("cli", "__main__"),
    ("bench",),
)
LAYER_OF = {name: place for place, names in enumerate(LAYERS) for name in names}

MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}


def fresh(code):
    """Run code in a new interpreter; it prints JSON on its last line."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


LOADED = f"import json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"


def test_import_is_light_and_quick():
    timed = "import json, time; t = time.perf_counter(); import masktopo; t = time.perf_counter()-t"
    assert fresh(f"import masktopo\n{LOADED}") == []
    assert min(fresh(f"{timed}; print(json.dumps(t))") for _ in range(3)) < 0.5


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"], ["demo", "--help"]])
def test_help_is_light(arguments):
    code = f"""
from masktopo.cli.main import main
try:
    main({arguments})
except SystemExit as end:
    assert not end.code
"""
    assert fresh(code + LOADED) == []


def test_public_names_are_there():
    assert [name for name in masktopo.__all__ if getattr(masktopo, name, None) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = masktopo.nonsense


def imported_modules(tree):
    """Yield every masktopo module that is imported anywhere, within functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("masktopo."))
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "relative import"
        elif isinstance(node, ast.ImportFrom) and node.module == "masktopo":
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            yield from (masktopo._HOMES.get(name, f"masktopo.{name}") for name in names)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("masktopo."):
            yield node.module


def backward_imports(module, tree):
    own = LAYER_OF[module.split(".")[1]]
    return [name for name in imported_modules(tree) if LAYER_OF[name.split(".")[1]] > own]


def test_every_module_has_a_layer():
    assert {module.split(".")[1] for module in MODULES} == set(LAYER_OF)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    assert backward_imports(module, ast.parse(MODULES[module].read_text())) == []


@pytest.mark.parametrize(
    ("module", "code", "found"),
    [
        ("masktopo.kernels.csr", "from masktopo.graphs.wiring import Link", ["graphs.wiring"]),
        ("masktopo.report", "def f():\n    from masktopo import pags", ["sampling.sampler"]),
        ("masktopo.metrics.spectral", "import masktopo.analysis", ["analysis"]),
        ("masktopo.study.grid", "from masktopo.metrics.registry import FAMILIES", []),
        ("masktopo.cli.main", "from masktopo import __version__", []),
    ],
)
def test_backward_imports_are_found(module, code, found):
    assert backward_imports(module, ast.parse(code)) == [f"masktopo.{name}" for name in found]


def compilers(tree):
    """Yield the uses of numba's own decorators."""
    names = {"njit", "jit", "vectorize", "guvectorize", "generated_jit", "stencil"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "numba" and node.attr in names:
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "numba":
            yield from (alias.name for alias in node.names if alias.name in names)


def test_numba_options_have_one_owner():
    users = [name for name, path in MODULES.items() if [*compilers(ast.parse(path.read_text()))]]
    assert users == ["masktopo._numba"]


def public_functions():
    """Name every function in the `__all__` of a module whose path has no underscore."""
    for module in MODULES:
        if any(part.startswith("_") for part in module.split(".")[1:]):
            continue
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "__all__", ()):
            value = getattr(loaded, name)
            if inspect.isfunction(value) and value.__module__ == module:
                yield f"{module}.{name}", value


def test_public_functions_are_documented():
    assert [name for name, function in public_functions() if not inspect.getdoc(function)] == []


FACE = [name for name in masktopo.__all__ if inspect.isfunction(getattr(masktopo, name))]


@pytest.mark.parametrize("name", FACE)
def test_the_public_face_is_documented_in_full(name):
    function = getattr(masktopo, name)
    text = inspect.getdoc(function)
    signature = inspect.signature(function)
    for parameter in signature.parameters:
        assert re.search(rf"^[\w, *]*\b{parameter}\b[\w, *]*( : .*)?$", text, re.M), parameter
    wanted = ["Parameters"] if signature.parameters else []
    wanted += ["Returns"] if signature.return_annotation not in (None, "None") else []
    for title in wanted:
        assert f"\n{title}\n{'-' * len(title)}\n" in text, title


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def texts():
    """Yield the files that are written by hand."""
    kinds = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cfg", ""}
    folders = [
        ROOT / name for name in ("masktopo", "tests", "docs", "examples", "benchmarks", ".ci")
    ]
    files = [path for folder in folders for path in folder.rglob("*")]
    files += [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    yield from (path for path in files if path.is_file() and path.suffix in kinds)


def test_no_file_names_a_place_of_one_machine():
    place = re.compile(r"(?<![\w.$}])/(work|root|home|Users)\b")
    found = [str(path.relative_to(ROOT)) for path in texts() if place.search(path.read_text())]
    assert found == []
