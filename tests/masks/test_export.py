"""Masks written for other programs come back as they were."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune

from masktopo import LayerMask, MaskSet, analyze, load_masks
from masktopo.errors import MaskError
from masktopo.masks.formats.export import export_masks

pytestmark = pytest.mark.filterwarnings("ignore::masktopo.MasktopoWarning")

NAMES = st.from_regex(
    r"[a-z]{1,4}(\.([0-9]|[a-z]{1,3}|weight|in_proj_weight)){0,2}", fullmatch=True
)
KIND = {2: "linear", 3: "conv1d", 4: "conv2d", 5: "conv3d"}


@st.composite
def mask_sets(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    dtype = draw(st.sampled_from([None, np.float32, np.float64]))
    layers = []
    for name in names:
        is_matrix = name.endswith("in_proj_weight")
        shape = draw(hnp.array_shapes(min_dims=2, max_dims=2 if is_matrix else 5, max_side=4))
        mask = draw(hnp.arrays(bool, shape))
        # Not 0, which would read as pruned, and not 1: weights of 0 and 1 alone are masks.
        sizes = st.floats(1.5, 100, width=32)
        weight = None if dtype is None else draw(hnp.arrays(dtype, shape, elements=sizes))
        kind = "matrix" if is_matrix else KIND[len(shape)]
        layers.append(LayerMask(name, mask, weight, kind=kind))
    return MaskSet(layers)


@pytest.mark.parametrize("ending", [".masks", ".safetensors", ".pt", ".npz"])
@given(masks=mask_sets())
@settings(max_examples=40)
def test_nothing_is_lost(ending, masks, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / f"net{ending}"
    export_masks(masks, path)
    found = load_masks(path, allow_dense=True)
    assert found == masks
    for name, layer in masks.items():
        assert found[name].kind == layer.kind
        if layer.weight is None:
            # Of masks that are all zero nothing says that they are masks, but this they are.
            assert found[name].weight is None or not layer.mask.any()
        else:
            assert found[name].weight.dtype == layer.weight.dtype
            np.testing.assert_array_equal(found[name].weight[layer.mask], layer.weight[layer.mask])


def example(**fields) -> MaskSet:
    weight = np.array([[0.5, 7.0], [np.nan, -2.0]], dtype=np.float32)
    return MaskSet([LayerMask("0", np.eye(2, dtype=bool), weight, **fields)])


def test_torch_takes_the_state_dict(tmp_path):
    export_masks(example(), tmp_path / "net.pt")
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    prune.identity(model[0], "weight")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    model.load_state_dict(state)
    assert load_masks(model) == example()
    assert state["0.weight_orig"][1, 0].isnan(), "pruned values are kept as they were"


def test_masks_of_ones_over_weights_of_zero(tmp_path):
    masks = MaskSet([LayerMask("fc", np.ones((2, 2), dtype=bool), np.zeros((2, 2)))])
    export_masks(masks, tmp_path / "net.pt")
    found = load_masks(tmp_path / "net.pt")
    assert found == masks
    assert found.has_weights


def test_aliases_are_tied_in_the_state_dict(tmp_path):
    masks = example(aliases=("head",))
    export_masks(masks, tmp_path / "net.pt")
    assert load_masks(tmp_path / "net.pt")["0"].aliases == ("head",)


def chain() -> MaskSet:
    rng = np.random.default_rng(3)
    shapes = {"input": (6, 6), "hidden": (6, 6), "output": (2, 6)}
    return MaskSet(
        LayerMask(name, rng.random(shape) < 0.5, rng.uniform(1.5, 2, shape))
        for name, shape in shapes.items()
    )


@pytest.mark.parametrize("ending", [".masks", ".safetensors", ".pt", ".npz"])
@pytest.mark.parametrize("weights", [True, False])
def test_layers_stay_in_their_order(ending, weights, tmp_path):
    masks = chain() if weights else chain().with_weights(None)
    export_masks(masks, tmp_path / f"net{ending}")
    found = load_masks(tmp_path / f"net{ending}")
    assert list(found) == ["input", "hidden", "output"]
    first, second = (analyze(each, metrics="paths").network for each in (masks, found))
    pd.testing.assert_series_equal(first, second)


class Weighing(nn.Module):
    """A module whose child is called as its parameter might be."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(2, 2)


@pytest.mark.parametrize("ending", [".masks", ".safetensors", ".pt", ".npz"])
@pytest.mark.parametrize("weights", [True, False])
def test_modules_called_weight(ending, weights, tmp_path):
    model = nn.ModuleDict({"att": Weighing(), "fc": nn.Linear(2, 2)})
    prune.custom_from_mask(model["att"].weight, "weight", torch.eye(2))
    masks = load_masks(model) if weights else load_masks(model).with_weights(None)
    export_masks(masks, tmp_path / f"net{ending}")
    found = load_masks(tmp_path / f"net{ending}")
    assert list(found) == ["att.weight", "fc"]
    assert found.apply(model)["att"].weight.weight[0, 1] == 0


@pytest.mark.parametrize("ending", [".masks", ".safetensors", ".pt", ".npz"])
def test_layers_whose_names_differ_by_weight(ending, tmp_path):
    names = {"fc": np.eye(2, dtype=bool), "fc.weight": ~np.eye(2, dtype=bool)}
    masks = MaskSet(LayerMask(name, mask) for name, mask in names.items())
    export_masks(masks, tmp_path / f"net{ending}")
    assert load_masks(tmp_path / f"net{ending}") == masks


def test_aliases_that_are_other_layers(tmp_path):
    layers = [*example(aliases=("fc",)).values(), LayerMask("fc", np.eye(2, dtype=bool))]
    with pytest.raises(MaskError, match="two layers are named 'fc'"):
        export_masks(MaskSet(layers), tmp_path / "net.pt")


def test_order_of_a_file_that_the_library_wrote_again(tmp_path):
    path = tmp_path / "net.safetensors"
    export_masks(chain(), path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    save_file(tensors, path, metadata)
    assert list(load_masks(path)) == ["input", "hidden", "output"]
    save_file(tensors | {"middle.weight": tensors["hidden.weight"].clone()}, path, metadata)
    assert list(load_masks(path)) == ["hidden", "input", "middle", "output"], "natural order"


def test_the_library_reads_our_safetensors(tmp_path):
    export_masks(example(), tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "0.weight": [[0.5, 0.0], [0.0, -2.0]]
    }


@pytest.mark.parametrize("length", [640, 896, 1152])
def test_headers_whose_length_begins_as_a_pickle(length, tmp_path):
    """Bytes of lengths such as 640 are 80 02: the start of a pickle of protocol 2."""
    short = MaskSet([LayerMask("f", np.eye(2, dtype=bool))])
    export_masks(short, tmp_path / "net.safetensors")
    missing = length - int.from_bytes((tmp_path / "net.safetensors").read_bytes()[:8], "little")
    name = "f" * (1 + missing // 2)  # it is there twice
    export_masks(MaskSet([LayerMask(name, np.eye(2, dtype=bool))]), tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").read_bytes()[:2] == length.to_bytes(2, "little")
    assert list(load_masks(tmp_path / "net.safetensors")) == [name]


def test_numpy_reads_our_npz(tmp_path):
    export_masks(example(), tmp_path / "net.npz")
    found = np.load(tmp_path / "net.npz")
    assert sorted(found) == ["0.weight_mask", "0.weight_orig"]
    assert found["0.weight_mask"].dtype == bool


def test_kept_zeros_cannot_be_told_from_pruned_ones(tmp_path):
    weight = np.zeros((2, 2), dtype=np.float32)
    masks = MaskSet([LayerMask("fc", np.eye(2, dtype=bool), weight)])
    with pytest.raises(MaskError, match="2 kept weights of layer 'fc' are 0 and would read as pru"):
        export_masks(masks, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
    export_masks(masks, tmp_path / "net.npz")
    assert load_masks(tmp_path / "net.npz") == masks


def test_weights_of_some_layers_only(tmp_path):
    masks = MaskSet([*example().values(), LayerMask("fc", np.eye(2, dtype=bool))])
    with pytest.raises(MaskError, match="no weights of fc, but of other layers"):
        export_masks(masks, tmp_path / "net.safetensors")
