import pytest

from benchmarks import train_many


def test_stacks_are_put_beside_one_by_one(capsys):
    words = ["--batch-size", "4", "--sizes", "2", "--rounds", "2", "--epochs", "2"]
    train_many.main(words)
    title, head, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("resnet20, batch 4, eager steps on ")
    assert "masks an hour" in head
    rows = [line.replace(" to ", " ").split() for line in lines]
    assert [row[0] for row in rows] == ["1", "2"]
    assert rows[0][-1] == "1.00x"
    step, rate = float(rows[1][1]) / 1000, float(rows[1][4])
    assert rate == pytest.approx(2 * 3600 / (2 * 45_000 / 4 * step), rel=0.02)
    assert float(rows[1][-1][:-1]) == pytest.approx(rate / float(rows[0][4]), rel=0.1)
