import argparse

import numpy as np
import pandas as pd
import pytest

from masktopo import LayerMask, MaskSet
from masktopo.cli import compare as command
from masktopo.comparison import compare
from masktopo.errors import MaskError


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
