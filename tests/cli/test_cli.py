import json

import numpy as np
import pandas as pd
import pytest
import torch

from masktopo import analyze, load_masks
from masktopo.cli.main import main
from masktopo.masks import load as loading
from masktopo.metrics.registry import FAMILIES
from masktopo.study.grid import Cell, Grid, run_cell
from tests.data.images import write_folder


@pytest.fixture
def checkpoint(tmp_path):
    """A plain state dict with zeros."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in (("conv.weight", (12, 3, 3, 3)), ("fc.weight", (10, 48))):
        weight = torch.randn(shape, generator=generator)
        state[name] = weight * (torch.rand(shape, generator=generator) < 0.4)
    path = tmp_path / "net.pt"
    torch.save(state, path)
    return path


def test_analyze_prints_a_table_and_writes_the_report(checkpoint, tmp_path, capsys):
    assert main(["analyze", str(checkpoint), "-o", str(tmp_path / "report.json")]) == 0
    printed = capsys.readouterr().out
    assert "conv" in printed
    assert "ramanujan_gap" in printed
    assert "* The wiring was assumed" in printed
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["layer"] for row in report["layers"]] == ["conv", "fc"]


def test_analyze_writes_a_page_for_each_of_several_files(checkpoint, tmp_path):
    out = tmp_path / "reports"
    assert main(["analyze", str(checkpoint), str(checkpoint), "-o", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["000-net.html", "001-net.html"]


def test_analyze_of_a_large_file_is_interrupted_and_goes_on(
    checkpoint, tmp_path, capsys, monkeypatch
):
    expected = analyze(load_masks(checkpoint), metrics="spectral")
    monkeypatch.setattr(loading, "_KEPT", 0)
    out, partial = tmp_path / "report.csv", tmp_path / "report.csv.partial"
    command = ["analyze", str(checkpoint), "--metrics", "spectral", "-o", str(out)]
    measured = []

    def measure(subject):
        measured.extend(subject.masks)
        if measured == ["conv", "fc"]:
            raise KeyboardInterrupt
        return whole(subject)

    whole = FAMILIES["spectral"].measure
    monkeypatch.setitem(FAMILIES["spectral"].__dict__, "measure", measure)
    assert main(command) == 130
    assert f"{partial}, and the same command goes on" in capsys.readouterr().err
    assert not out.exists()
    assert main(command) == 0
    assert measured == ["conv", "fc", "fc"]
    assert not partial.exists()
    table = pd.read_csv(out, comment="#", index_col="layer")
    np.testing.assert_array_equal(table["imsg"], expected.layers["imsg"])


def test_errors_are_one_line_and_exit_with_2(tmp_path, checkpoint, capsys):
    assert main(["analyze", str(tmp_path / "missing.pt")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("masktopo: error: ")
    assert "missing.pt" in error
    assert error.count("\n") == 1
    assert main(["analyze", str(checkpoint), "-o", "report.txt"]) == 2
    assert "must be one of .html, .json, .csv, .parquet" in capsys.readouterr().err


def test_messages_name_options(checkpoint, tmp_path, capsys):
    dense = tmp_path / "dense.pt"
    torch.save({"fc.weight": torch.full((4, 4), 1.5)}, dense)
    assert main(["analyze", str(dense)]) == 2
    assert "meant to be dense, pass --allow-dense\n" in capsys.readouterr().err
    masks = str(tmp_path / "bare.masks")
    load_masks(checkpoint).save(masks, weights=False)
    assert main(["analyze", masks, "--metrics", "spectral"]) == 0
    printed = capsys.readouterr().out
    assert "Lanczos; --certify would prove them" in printed
    assert "Give them with --weights." in printed


@pytest.mark.parametrize("name", ["batches", "pool"])
def test_pags_names_the_options_that_ask_for_too_much_data(name, tmp_path, capsys):
    options = [f"--{name}", "20", "-o", str(tmp_path / "run")]
    assert main(["pags", "--samples", "5", *options, "--quiet"]) == 2
    expected = f"at most 10 such batches. Lower --{name} or --batch-size\n"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_warnings_are_one_line(tmp_path, capsys):
    path = tmp_path / "ones.pt"
    torch.save({"fc.weight_orig": torch.randn(4, 4), "fc.weight_mask": torch.ones(4, 4)}, path)
    assert main(["analyze", str(path), "--metrics", "density"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("masktopo: warning: ")
    assert error.count("\n") == 1


def test_an_interrupt_is_said_and_exits_with_130(checkpoint, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("masktopo.analysis.analyze", interrupt)
    assert main(["analyze", str(checkpoint)]) == 130
    assert capsys.readouterr().err == "masktopo: interrupted\n"


def test_prune_pags_and_train_go_together(tmp_path, capsys):
    masks = tmp_path / "net.masks"
    shared = ["--model", "mlp", "--data", "digits", "--quiet"]
    assert main(["prune", *shared, "--density", "0.1", "-o", str(masks)]) == 0
    assert load_masks(masks).nnz == round(0.1 * load_masks(masks).size)
    options = ["--keep-dense", "first", "last", "--shuffle", "-o", str(tmp_path / "other.masks")]
    assert main(["prune", *shared, "--method", "random_erk", *options]) == 0
    first, middle, last = load_masks(tmp_path / "other.masks").values()
    assert first.is_dense
    assert last.is_dense
    assert middle.origin == "random-erk at density 0.01, shuffled by layer"
    run = tmp_path / "run"
    sampling = ["--samples", "2", "--batches", "2", "--density", "0.1", "-o", str(run)]
    assert main(["pags", *shared, *sampling]) == 0
    assert main(["train", *shared, "--masks", str(masks), "--epochs", "1"]) == 0
    assert "test accuracy 0." in capsys.readouterr().out


def test_pags_in_shards(tmp_path, capsys):
    shared = ["pags", "--model", "mlp", "--density", "0.1", "--samples", "3", "--batches", "2"]
    shared += ["--pool", "4", "--score", "imsg", "--quiet"]
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert main([*shared, "--shard", "1/2", "-o", str(run)]) == 0
    assert "2 of 4 masks scored" in capsys.readouterr().out
    assert main([*shared, "--merge", "-o", str(run)]) == 2
    assert "lacks 2 of 4 candidates" in capsys.readouterr().err
    assert main([*shared, "--shard", "2/2", "-o", str(run)]) == 0
    assert main([*shared, "--merge", "-o", str(run)]) == 0
    assert main([*shared, "-o", str(whole)]) == 0
    assert load_masks(run / "chosen.masks") == load_masks(whole / "chosen.masks")
    capsys.readouterr()
    assert main([*shared, "--shard", "2", "-o", str(run)]) == 2
    assert "two numbers like 2/8, not '2'" in capsys.readouterr().err


def test_train_takes_folders_of_images_and_says_what_does_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MASKTOPO_CACHE", str(tmp_path / "cache"))
    write_folder(tmp_path / "images", train=6)
    shared = ["train", "--model", "mlp", "--data", f"folder:{tmp_path / 'images'}", "--quiet"]
    options = ["--epochs", "1", "--augment", "crop-flip", "--init", "pags23", "--device", "cpu"]
    assert main([*shared, *options, "-o", str(tmp_path / "run")]) == 0
    assert "test accuracy" in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert (config["augment"], config["step"]) == ("crop-flip", "eager")
    assert main([*shared, *options, "--step", "graph"]) == 2
    assert "step='graph' needs a CUDA device" in capsys.readouterr().err


TINY = Grid(
    network="mlp",
    data="digits",
    methods=("magnitude", "pags-snip"),
    densities=(0.2,),
    seeds=(0,),
    samples=2,
    batches=2,
    batch_size=64,
    epochs=1,
)


@pytest.mark.parametrize("method", TINY.methods)
def test_a_cell_leaves_its_checkpoint_and_repeats_itself(tmp_path, method):
    cell = Cell(method, 0.2, 0)
    row = run_cell(TINY, cell, tmp_path / "first")
    assert row["kind"] == ("pags" if method == "pags-snip" else "pai")
    saved = load_masks(tmp_path / "first" / row["checkpoint"])
    assert saved.digest == row["digest"]
    assert saved.nnz == row["nnz"] == round(0.2 * saved.size)
    again = run_cell(TINY, cell, tmp_path / "second")
    assert again == row
    resumed = run_cell(TINY, cell, tmp_path / "first")
    assert resumed == row


def test_demo_writes_everything(tmp_path, monkeypatch, capsys):
    grid = Grid(
        network="mlp",
        data="digits",
        methods=("magnitude", "random-erk"),
        densities=(0.2, 0.1),
        seeds=(0, 1),
        samples=1,
        batches=1,
        batch_size=64,
        epochs=1,
    )
    monkeypatch.setattr(
        "masktopo.study.demo.run_demo.__kwdefaults__", {"grid": grid, "progress": False}
    )
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--quiet"]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        "masks",
        "runs",
        "results.csv",
        "correlations.csv",
        "correlations.png",
        "scatter.png",
        "report.html",
    }
    printed = capsys.readouterr().out
    assert "layers have valid spectral coordinates" in printed
    assert "Spearman with accuracy" in printed
    rows = np.genfromtxt(out / "results.csv", delimiter=",", names=True, dtype=None, encoding=None)
    assert len(rows) == 8


def test_blanks_and_empty_parts_of_metrics_are_nothing(checkpoint, tmp_path):
    out = tmp_path / "report.csv"
    assert main(["analyze", str(checkpoint), "--metrics", " mu_0, degrees,,", "-o", str(out)]) == 0
    table = pd.read_csv(out, comment="#", index_col="layer")
    assert {"mu_0", "left_nodes"} <= set(table.columns)
    assert "mu_hat" not in table
