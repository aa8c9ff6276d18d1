"""The study of RigL against static masks in miniature, and its interval on known differences."""

import json

import pytest
import torch

from benchmarks import dynamic_gain
from masktopo.errors import ArgumentError


def test_both_are_trained_from_one_mask_and_tabulated(tmp_path, capsys):
    given = ["--quick", "--densities", "0.2", "--out", str(tmp_path)]
    dynamic_gain.main(given)
    names = [f"mlp-density0.2-seed{seed}-{how}" for seed in (0, 1) for how in ("static", "rigl")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    first = capsys.readouterr().out
    assert [line.split(":")[0] for line in first.splitlines()[:4]] == names
    assert first.splitlines()[-1].startswith("| 0.2 | 2 | ")
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*/result.json"))]
    dynamic_gain.main(given)
    assert capsys.readouterr().out == first
    assert times == [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*/result.json"))]


def test_the_way_of_stepping_is_handed_on(tmp_path):
    given = ["--quick", "--densities", "0.2", "--step", "graph", "--out", str(tmp_path)]
    if torch.cuda.is_available():
        dynamic_gain.main(given)
        for config in tmp_path.glob("*/config.json"):
            assert json.loads(config.read_text())["config"]["step"] == "graph"
    else:
        with pytest.raises(ArgumentError, match="step='graph' needs a CUDA device"):
            dynamic_gain.main(given)


@pytest.mark.parametrize(
    ("found", "end"),
    [
        ([(0.5, 0.52)], "| 50.00 | 52.00 | +2.00 | - | +2.8 |"),
        # Two differences of 1 and 3: their mean's standard error is 1, and t is 12.706.
        ([(0.5, 0.51), (0.5, 0.53)], "| 50.00 | 52.00 | +2.00 | -10.71 to +14.71 | +2.8 |"),
    ],
)
def test_the_interval_is_that_of_paired_differences(found, end):
    assert dynamic_gain.row(0.05, found) == f"| 0.05 | {len(found)} {end}"
