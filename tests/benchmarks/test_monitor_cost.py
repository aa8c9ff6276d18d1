import pytest

from benchmarks import monitor_cost


def test_a_snapshot_is_put_into_proportion(capsys):
    monitor_cost.main(["--network", "resnet20", "--batch-size", "4", "--pairs", "2"])
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("resnet20, density 0.01, batch 4, eager steps on ")
    assert [line.split()[0] for line in lines] == [
        *("step", "record", "added", "measure", "added", "bound")
    ]
    step, record, _, measured = (float(line.split()[1]) for line in lines[:4])
    share = float(lines[-1].split()[-1].removesuffix("%")) / 100
    assert share == pytest.approx((record + measured) / (100 * step), rel=0.05)
