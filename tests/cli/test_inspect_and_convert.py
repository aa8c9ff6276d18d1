"""Commands that look into files and write them anew."""

import json

import numpy as np
import pytest
import torch

from masktopo import load_masks
from masktopo.cli.main import main
from tests.masks import checkpoints as make
from tests.masks.producers import PRODUCERS


def test_inspect_names_format_layers_and_origins(tmp_path, capsys):
    path = PRODUCERS["safetensors shards"].write(tmp_path)
    assert main(["inspect", str(path), "--threads", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    masks = load_masks(path)
    assert lines[0].startswith(f"{path}: Hugging Face folder, 9 files, ")
    assert lines[2].split() == ["layer", "kind", "shape", "kept", "density", "origin"]
    assert lines[3].split() == [
        "conv", "conv2d", "4x3x3x3", str(masks["conv"].nnz), f"{masks['conv'].density:.4g}", "zeros"
    ]  # fmt: skip
    assert lines[6] == f"2 layers, {masks.nnz} of 188 weights kept, density {masks.density:.4g}"
    assert "skipped (not of 2 to 5 dimensions): conv.bias, fc.bias, norm.bias" in lines[7]


@pytest.mark.parametrize("name", PRODUCERS)
def test_inspect_agrees_with_load_masks(name, tmp_path, capsys):
    path = PRODUCERS[name].write(tmp_path)
    assert main(["inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    masks = load_masks(path)
    assert [layer["name"] for layer in found["layers"]] == list(masks)
    for layer in found["layers"]:
        expected = masks[layer["name"]]
        assert layer["nnz"] == expected.nnz
        assert layer["origin"] == expected.origin
        assert tuple(layer["shape"]) == expected.shape
        assert layer["density"] == expected.density
    assert not found["doubts"]


def test_inspect_says_why_tensors_were_skipped(tmp_path, capsys):
    state = make.pruned_network().state_dict() | {
        "layernorm.weight": torch.ones(4, 4),
        "layernorm.bias": torch.ones(4, 4),
        "positions": torch.ones(4, 4),
        "index.weight": torch.ones(4, 4, dtype=torch.int64),
    }
    assert main(["inspect", str(make.save_zip(state, tmp_path / "net.pt"))]) == 0
    text = capsys.readouterr().out
    assert "skipped (scales entry by entry): layernorm.weight\n" in text
    assert "skipped (not called *.weight): layernorm.bias, positions\n" in text
    assert "skipped (no floating-point numbers): index.weight\n" in text


def test_inspect_of_a_dense_network_is_a_doubt(tmp_path, capsys):
    path = make.save_zip(make.network().state_dict(), tmp_path / "net.pt")
    assert main(["inspect", str(path)]) == 0
    assert "doubt: neither masks nor zeros" in capsys.readouterr().out


def test_inspect_refuses_what_load_masks_refuses(tmp_path, capsys):
    (tmp_path / "net.pt").write_bytes(b"nothing")
    assert main(["inspect", str(tmp_path / "net.pt")]) == 2
    assert "is of no format that masktopo reads" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".masks", ".safetensors", ".pt", ".pth", ".npz"])
@pytest.mark.parametrize("name", ["torch prune", "ramanujan-on-pai"])
def test_convert_loses_nothing(name, ending, tmp_path, capsys):
    source, target = PRODUCERS[name].write(tmp_path), tmp_path / f"out{ending}"
    assert main(["convert", str(source), str(target)]) == 0
    assert f"written: {target}" in capsys.readouterr().out
    before, after = load_masks(source), load_masks(target)
    make.assert_masks(after, make.masks())
    assert after.has_weights is before.has_weights
    if before.has_weights:
        for layer_name, layer in before.items():
            np.testing.assert_array_equal(
                after[layer_name].weight[layer.mask], layer.weight[layer.mask]
            )


def test_unknown_endings_are_refused_before_anything_is_read(tmp_path, capsys):
    assert main(["convert", str(tmp_path / "missing.pt"), str(tmp_path / "out.csv")]) == 2
    expected = "the ending must be one of .masks, .safetensors, .pt, .pth, .npz"
    assert expected in capsys.readouterr().err
