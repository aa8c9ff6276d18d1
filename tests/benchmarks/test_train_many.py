import argparse

import pytest

from benchmarks import train_many


def test_stacks_are_put_beside_one_by_one(capsys):
    words = ["--batch-size", "4", "--sizes", "2", "--rounds", "2", "--epochs", "2"]
    train_many.main(words)
    title, head, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("resnet20, batch 4, on ")
    assert "masks an hour" in head
    rows = [line.replace(" to ", " ").split() for line in lines]
    assert [row[:2] for row in rows] == [["eager", "1"], ["eager", "2"]]
    assert rows[0][-2:] == ["1.00x", "1.00x"]
    step, rate = float(rows[1][2]) / 1000, float(rows[1][5])
    assert rate == pytest.approx(2 * 3600 / (2 * 45_000 / 4 * step), rel=0.02)
    assert float(rows[1][-1][:-1]) == pytest.approx(rate / float(rows[0][5]), rel=0.1)


def test_each_way_of_stepping_stands_beside_its_own_and_the_first(capsys):
    times = {("eager", 1): [0.4], ("eager", 2): [0.5], ("graph", 1): [0.1], ("graph", 2): [0.1]}
    given = argparse.Namespace(step=["eager", "graph"], epochs=1, batch_size=45)
    _, *lines = train_many.table(times, given)
    assert [line.split()[-2:] for line in lines] == [
        ["1.00x", "1.00x"],
        ["1.60x", "1.60x"],
        ["1.00x", "4.00x"],
        ["2.00x", "8.00x"],
    ]
