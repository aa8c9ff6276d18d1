import dataclasses
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from masktopo.bench import bandwidth, command
from masktopo.bench.cases import Implementation
from masktopo.bench.suites import paths, registry

ARGUMENTS = ["--suite", "paths", "--quick", "--budget", "0.0005", "--repeat", "1"]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """One grid point, and bandwidths of a small array: nothing here depends on their numbers."""
    suite = dataclasses.replace(paths.SUITE, plan=lambda quick: paths.SUITE.plan(quick)[:1])
    monkeypatch.setitem(registry.SUITES, "paths", suite)
    measure = partial(bandwidth.measure_bandwidth, (2**12,), budget=1e-4)
    monkeypatch.setattr(bandwidth, "measure_bandwidth", measure)


def test_a_run_prints_a_table_and_writes_what_it_measured(tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert command.main([*ARGUMENTS, "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "paths: paths and effective counts" in text
    assert "tiny-mlp erk 0.1" in text
    content = json.loads(out.read_text())
    assert content["settings"]["suites"] == ["paths"]
    assert content["machine"]["versions"]["numpy"] == np.__version__
    assert set(content["machine"]["thread_pools"].values()) == {1}
    assert {row["status"] for row in content["rows"]} == {"timed"}


def test_a_run_is_compared_with_an_older_one(tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert command.main([*ARGUMENTS, "--json", str(out)]) == 0
    assert command.main([*ARGUMENTS, "--compare", str(out)]) == 0
    assert "of 2 own timings changed beyond noise; 0 rows are new, 0 are missing" in (
        capsys.readouterr().out
    )


def test_a_wrong_implementation_gives_exit_code_1(monkeypatch, capsys):
    wrong = Implementation(lambda graph: [0.0, 1.0, 2.0])
    task = dataclasses.replace(paths.TASK, table={**paths.TASK.table, "wrong": wrong})
    monkeypatch.setattr(paths, "TASK", task)
    assert command.main(ARGUMENTS) == 1
    captured = capsys.readouterr()
    assert "differs: differs by" in captured.out
    assert "tiny-mlp erk 0.1: wrong: differs by" in captured.err


def test_an_interrupt_keeps_what_was_measured(monkeypatch, tmp_path, capsys):
    def interrupt(graph):
        raise KeyboardInterrupt

    table = {**paths.TASK.table, "last": Implementation(interrupt)}
    monkeypatch.setattr(paths, "TASK", dataclasses.replace(paths.TASK, table=table))
    out = tmp_path / "bench.json"
    assert command.main([*ARGUMENTS, "--json", str(out)]) == 130
    assert len(json.loads(out.read_text())["rows"]) == 4
    assert "interrupted" in capsys.readouterr().err


def test_an_unreadable_file_is_an_error_before_anything_runs(tmp_path, capsys):
    assert command.main([*ARGUMENTS, "--compare", str(tmp_path / "none.json")]) == 2
    captured = capsys.readouterr()
    assert "masktopo-bench: error:" in captured.err
    assert "none.json" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "magic"], "invalid choice: 'magic'"),
        (["--threads", "0"], "must be at least 1, not 0"),
        (["--budget", "0"], "must be above 0, not 0"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "quick", "cap"),
    [
        ([], True, 3.0),
        (["--suite", "graph"], False, 5.0),
        (["--suite", "graph", "--quick"], True, 3.0),
        (["--suite", "graph", "--cap", "7"], False, 7.0),
    ],
)
def test_naming_a_suite_asks_for_all_of_it(arguments, quick, cap):
    settings = command._settings(command.build_parser().parse_args(arguments))
    assert (settings.quick, settings.cap) == (quick, cap)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from masktopo.bench.command import build_parser; build_parser().format_help();"
        "print(sorted({'numpy', 'numba', 'scipy', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
