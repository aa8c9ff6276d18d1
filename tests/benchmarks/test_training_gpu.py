"""The training benchmark in miniature: every cell, its files, and going on after a stop."""

import json

from benchmarks import training_gpu


def arguments(out, *more):
    shared = ["--quick", "--data", "digits", "--model", "mlp", "--device", "cpu"]
    return [*shared, "--out", str(out), *more]


CELLS = [
    "speed-eager-1",
    "speed-eager-0.1",
    "accuracy-dense-1",
    "accuracy-random-erk-0.1",
    "accuracy-snip-0.1",
    "accuracy-magnitude-after-training-0.1",
]


def test_every_cell_is_a_file_and_is_measured_once(tmp_path):
    training_gpu.main(arguments(tmp_path))
    written = {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert sorted(written) == sorted(CELLS)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [cell["kind"] for cell in results["cells"]] == ["speed"] * 2 + ["accuracy"] * 4
    assert all("error" not in cell for cell in results["cells"])
    after = results["cells"][-1]
    assert (after["method"], after["epochs"]) == ("magnitude-after-training", 2)
    assert after["nnz"] == results["cells"][-2]["nnz"]
    page = (tmp_path / "results.md").read_text()
    assert page.count("\n| eager | ") == 2
    (tmp_path / "cells" / "accuracy-snip-0.1.json").unlink()
    training_gpu.main(arguments(tmp_path))
    again = {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert [name for name in CELLS if again[name] != written[name]] == ["accuracy-snip-0.1"]


def test_no_cell_is_started_without_time(tmp_path, capsys):
    training_gpu.main(arguments(tmp_path, "--minutes", "0"))
    assert "no time is left for speed-eager-1" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.json").read_text())["cells"] == []


def test_a_way_of_stepping_that_fails_is_recorded(tmp_path):
    given = arguments(tmp_path, "--steps", "graph,eager")
    plan = training_gpu.read_plan(given)
    record = training_gpu.speed(plan, "graph", 1.0)
    assert "step='graph' needs a CUDA device, not cpu" in record["error"]
    assert "fails here" in training_gpu.speed_row(record)
