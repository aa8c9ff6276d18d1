"""README and docs: their code runs, their commands parse, their links lead somewhere."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from masktopo.cli.main import build_parser
from masktopo.graphs.tracing.registry import OPERATIONS
from masktopo.metrics.registry import FAMILIES
from masktopo.networks import NETWORKS
from masktopo.pruning import METHODS
from tests.metrics.test_spectral import CLOSED_FORMS, columns_of

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
LINKED = {
    str(path.relative_to(ROOT)): path
    for path in [*PAGES.values(), ROOT / "benchmarks/README.md", *(ROOT / "docs").glob("*/*.md")]
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    return [block for found, block in BLOCK.findall(text) if found == language]


def run_page(text):
    """Run the python blocks in order; a text block right after one is what it prints."""
    names = {"__name__": "page"}
    previous = ""
    for language, block in BLOCK.findall(text):
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, "page", "exec"), names)
            previous = printed.getvalue()
        elif language == "text":
            assert block.split() == previous.split()


@pytest.mark.parametrize("name", [n for n, p in PAGES.items() if "```python" in p.read_text()])
def test_code_runs_as_it_stands(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registries = (FAMILIES, METHODS, NETWORKS, OPERATIONS)
    before = [dict(registry) for registry in registries]
    try:
        run_page(PAGES[name].read_text())
    finally:
        for registry, entries in zip(registries, before, strict=True):
            registry.clear()
            registry.update(entries)


def test_a_page_that_prints_something_else_is_noticed():
    run_page("```python\nprint(1 + 1)\n```\n\n```text\n2\n```\n")
    with pytest.raises(AssertionError):
        run_page("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")


def commands():
    for name, path in PAGES.items():
        for block in blocks(path.read_text(), "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                yield pytest.param(shlex.split(line, comments=True), id=f"{name}: {line}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_exist(words):
    if words[:1] == ["masktopo"]:
        build_parser().parse_args(words[1:])
    elif words[:1] == ["make"]:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:1] == ["python"]:
        assert (ROOT / words[1]).is_file()


@pytest.mark.parametrize("name", sorted(LINKED))
def test_links_lead_somewhere(name):
    here = LINKED[name]
    text = here.read_text()
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [target for target in targets if "://" not in target]
    assert [link for link in local if not (here.parent / link).exists()] == []
    anchors = re.findall(r"\]\(([\w./-]*\.md)?#([^)]+)\)", text)
    for page, anchor in anchors:
        assert anchor in headings((here.parent / page if page else here).read_text()), anchor


def headings(text):
    """Return the anchors that headings get."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles]
    return {re.sub(r"\s", "-", title) for title in plain}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_metric_is_defined(family):
    text = PAGES["definitions.md"].read_text()
    names = {family.name, *family.layer_metrics, *family.network_metrics}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


@pytest.mark.parametrize("method", METHODS)
def test_every_pruning_method_has_its_row(method):
    rows = PAGES["pruning.md"].read_text().splitlines()
    assert any(line.startswith(f"| `{method}` |") for line in rows)


def closed_form_rows():
    text = PAGES["spectral-closed-forms.md"].read_text()
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows[2:]}


def test_the_table_of_closed_forms_is_whole():
    assert list(closed_form_rows()) == list(CLOSED_FORMS)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_are_what_the_code_computes(name):
    matrix, first, second = CLOSED_FORMS[name]
    row = closed_form_rows()[name]
    sides, edges, _, mu_0, _, mu_hat, bound_gap = row
    found = columns_of(matrix)
    assert sides == f"{matrix.shape[0]} x {matrix.shape[1]}"
    assert int(edges) == matrix.sum()
    assert float(mu_0) == pytest.approx(first, abs=5e-7)
    assert float(mu_hat) == pytest.approx(second, abs=5e-7)
    assert float(mu_0) == pytest.approx(found["mu_0"], abs=5e-7)
    assert float(mu_hat) == pytest.approx(found["mu_hat"], abs=5e-7)
    if found["ramanujan_gap"] == found["ramanujan_gap"]:
        assert float(bound_gap) == pytest.approx(found["ramanujan_gap"], abs=5e-7)
    else:
        assert bound_gap == "not valid"
