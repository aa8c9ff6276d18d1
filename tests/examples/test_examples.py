import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

import masktopo

EXAMPLES = Path(__file__).parents[2] / "examples"


def load_example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def analyze_checkpoint():
    return load_example("analyze_checkpoint")


@pytest.fixture
def trace_network():
    return load_example("trace_network")


@pytest.fixture
def sample_cifar10():
    return load_example("sample_cifar10")


@pytest.fixture
def choose_masks():
    return load_example("choose_masks")


def test_a_checkpoint_is_made_and_analyzed(analyze_checkpoint, tmp_path, capsys):
    analyze_checkpoint.main(["--out", str(tmp_path)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["coordinates.png", "pruned.pt", "report.html"]
    masks = masktopo.load_masks(tmp_path / "pruned.pt")
    assert {layer.origin for layer in masks.values()} == {"weight_mask"}
    told = capsys.readouterr().out
    for name, layer in masks.items():
        assert re.search(rf"^{name} +{layer.nnz} ", told, re.MULTILINE)
    assert re.search(rf"^nnz +{masks.nnz}\.0", told, re.MULTILINE)


def test_a_checkpoint_of_the_user_is_analyzed(analyze_checkpoint, tmp_path, capsys):
    file = tmp_path / "mine.pt"
    analyze_checkpoint.save_pruned(file)
    analyze_checkpoint.main([str(file), "--out", str(tmp_path / "out")])
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["coordinates.png", "report.html"]
    assert str(file) in (tmp_path / "out" / "report.html").read_text()


def test_a_network_is_traced_measured_and_drawn(trace_network, tmp_path, capsys):
    trace_network.main(["--out", str(tmp_path), "--density", "0.05"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.png", "wiring.json"]
    told = capsys.readouterr().out
    wiring = masktopo.load_wiring(tmp_path / "wiring.json")
    assert f"{len(wiring.nodes)} node sets" in told
    assert re.search(r"^min_cut +\d", told, re.MULTILINE)


def test_chosen_masks_are_trained_and_saved(choose_masks, tmp_path, capsys):
    settings = ["--samples", "3", "--epochs", "1", "--seeds", "1", "--density", "0.05"]
    choose_masks.main(["--out", str(tmp_path), *settings])
    table = pd.read_csv(tmp_path / "accuracies.csv")
    assert table["masks"].tolist() == ["snip", "pags"]
    assert table["accuracy"].between(0.05, 1).all()
    chosen = masktopo.load_masks(tmp_path / "chosen.masks")
    ticket = masktopo.load_masks(tmp_path / "ticket.masks")
    assert chosen.nnz == ticket.nnz == round(0.05 * chosen.size)
    told = capsys.readouterr().out
    for accuracy in table["accuracy"]:
        assert f"{accuracy:.6f}" in told


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_short(path):
    lines = path.read_text().splitlines()
    assert len(lines) < 75


def test_every_example_is_run_by_make():
    recipe = (EXAMPLES.parent / "Makefile").read_text()
    assert [
        path.name for path in EXAMPLES.glob("*.py") if f"examples/{path.name}" not in recipe
    ] == []


def test_masks_of_a_resnet_are_sampled_in_miniature(sample_cifar10, tmp_path, capsys):
    sizes = ["--samples", "3", "--batches", "2", "--pool", "3", "--batch-size", "16"]
    data = ["--data", "synthetic:3x8x8:10"]
    sample_cifar10.main([*data, *sizes, "--out", str(tmp_path)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["candidates.png", "run", "valid-layers.csv"]
    told = capsys.readouterr().out
    assert "of the weights were in a candidate" in told
    shares = pd.read_csv(tmp_path / "valid-layers.csv", index_col="density")["valid"]
    assert shares.loc[0.05] >= shares.loc[0.005]
    assert masktopo.load_masks(tmp_path / "run" / "chosen.masks").nnz == round(0.05 * 270_896)
