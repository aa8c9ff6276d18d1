import argparse

import numpy as np
import pandas as pd
import pytest

from masktopo import LayerMask, MaskSet
from masktopo.cli import compare as command
from masktopo.comparison import compare
from masktopo.errors import ArgumentError, MaskError


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for name in ("first", "second"):
        layers = [
            LayerMask(layer, rng.random((20, 30)) < 0.3, rng.standard_normal((20, 30)))
            for layer in ("a", "b")
        ]
        paths.append(str(tmp_path / f"{name}.masks"))
        MaskSet(layers).save(paths[-1])
    return paths


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args([*arguments]))


def test_the_table_and_the_totals_are_printed(files, capsys):
    run(*files)
    table = compare(*files)
    printed = capsys.readouterr().out
    common, kept = table["common"].sum(), table["nnz_a"].sum() + table["nnz_b"].sum()
    assert f"{common:,} in both" in printed
    assert f"Jaccard {common / (kept - common):.4g}, Hamming {kept - 2 * common:,}" in printed
    for name in table.index:
        assert f"\n{name} " in printed


def test_the_whole_table_is_written(files, tmp_path, capsys):
    out = tmp_path / "table.csv"
    run(*files, "-o", str(out), "--convention", "rama23")
    found = pd.read_csv(out, index_col="layer")
    pd.testing.assert_frame_equal(found, compare(*files, convention="rama23"), rtol=1e-12)
    assert f"written: {out}" in capsys.readouterr().out


def test_other_networks_are_refused(files, tmp_path):
    other = tmp_path / "other.masks"
    MaskSet([LayerMask("a", np.eye(20, 30, dtype=bool))]).save(other)
    with pytest.raises(MaskError, match="not of one network"):
        run(files[0], str(other))


def test_groups_are_those_of_the_side_that_knows_them(tmp_path):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(8, 16, 3, groups=4), nn.ConvTranspose2d(16, 12, 3))
    with torch.no_grad():
        net[0].weight[0] = 0
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    expected = compare(net, net)
    pd.testing.assert_frame_equal(compare(net, path), expected)
    pd.testing.assert_frame_equal(compare(path, net), expected)
    assert expected["coordinate_distance"].tolist() == [0.0, 0.0]
    other = nn.Sequential(nn.Conv2d(2, 16, 3), nn.ConvTranspose2d(16, 12, 3))
    with pytest.raises(MaskError, match=r"other kinds or groups in 0 \(conv2d, groups 4 and"):
        compare(net, other)


def test_other_endings_are_refused_before_the_work(files, tmp_path):
    with pytest.raises(ArgumentError, match=r"table.xlsx: the ending must be .csv"):
        run("no such file", files[1], "-o", str(tmp_path / "table.xlsx"))


def test_sets_without_layers_have_all_columns(files):
    found = compare(MaskSet([]), MaskSet([]))
    assert list(found.columns) == list(compare(*files).columns)
    assert "0 and 0 of 0 weights" in command.describe(found)
