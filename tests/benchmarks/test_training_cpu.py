"""The CPU study in miniature: every kind of training, its table, and going on after a stop."""

import pandas as pd

from benchmarks import training_cpu

GROWN = ["gradient-growth", "random-growth"]
RUNS = sorted(["dense", "density-0.1", "random-erk", "round-01", "snip", *GROWN])


def test_every_kind_is_trained_once_and_tabulated(tmp_path, capsys):
    given = ["--quick", "--model", "mlp", "--out", str(tmp_path)]
    training_cpu.main(given)
    table = pd.read_csv(tmp_path / "results.csv")
    assert table["run"].tolist() == RUNS
    assert table["missing"].isna().all()
    assert table["density"].round(3).tolist() == [1.0, *[0.1] * 6]
    assert table["run"][table["explored"] > table["density"]].tolist() == GROWN
    page = (tmp_path / "results.md").read_text()
    assert all(f"\n| {run} | " in page for run in RUNS)
    printed = capsys.readouterr().out
    assert [line.split(":")[0] for line in printed.splitlines()] == list(training_cpu.KINDS)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/result.json")}
    (tmp_path / "snip" / "result.json").unlink()
    training_cpu.main(given)
    written = [path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert written == ["snip"]


def test_a_part_of_the_images_holds_every_class_in_proportion():
    plan = training_cpu.read_plan(["--images", "100"])
    assert len(plan.data.train) == 100
    assert plan.data.train.class_counts.min() >= 9
    assert len(plan.data.test) == round(359 * 100 / 1438)
    assert plan.config.augment is None
    assert training_cpu.read_plan(["--images", "5000"]).data.train.name == "digits"
