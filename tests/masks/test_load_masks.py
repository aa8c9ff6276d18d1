"""What load_masks reads, from every format that it knows."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from masktopo import MaskSet, load_masks
from masktopo.errors import MasktopoWarning
from tests.masks import checkpoints as make

SAVERS = [make.save_zip, make.save_legacy, make.save_safetensors]


@pytest.mark.parametrize("save", SAVERS)
def test_plain_zeros(save, tmp_path):
    model = make.pruned_network()
    path = save(model.state_dict(), tmp_path / "net.bin")
    found = load_masks(path)
    make.assert_masks(found, make.masks())
    assert found.source == str(path)
    assert [(layer.kind, layer.groups, layer.origin) for layer in found.values()] == [
        ("conv2d", 1, "zeros"),
        ("linear", 1, "zeros"),
    ]
    np.testing.assert_array_equal(found["fc"].weight, model.fc.weight.detach().numpy())


@pytest.mark.parametrize("save", SAVERS)
def test_torch_prune(save, tmp_path):
    model = make.hooked_network()
    found = load_masks(save(model.state_dict(), tmp_path / "net.bin"))
    make.assert_masks(found, make.masks())
    assert {layer.origin for layer in found.values()} == {"weight_mask"}
    np.testing.assert_array_equal(found["conv"].weight, make.network().conv.weight.detach())


def test_the_ending_of_a_name_does_not_matter(tmp_path):
    path = make.save_zip(make.pruned_network().state_dict(), tmp_path / "net.safetensors")
    make.assert_masks(load_masks(str(path)), make.masks())


def test_buffers_beside_weights(tmp_path):
    found = load_masks(make.save_zip(make.buffered_state(), tmp_path / "net.pt"))
    make.assert_masks(found, make.masks())
    assert found["fc"].origin == "weight_mask"
    assert found["fc"].weight.all()


def test_masks_without_weights():
    found = load_masks({f"{name}.weight_mask": mask for name, mask in make.masks().items()})
    make.assert_masks(found, make.masks())
    assert not found.has_weights


def test_parametrizations_with_mask_buffers(tmp_path):
    path = make.save_zip(make.parametrized_network().state_dict(), tmp_path / "net.pt")
    found = load_masks(path)
    make.assert_masks(found, make.masks())
    assert found["fc"].origin == "parametrization mask"
    np.testing.assert_array_equal(found["fc"].weight, make.network().fc.weight.detach())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int32, torch.uint8, torch.float16])
@pytest.mark.parametrize("suffix", ["", ".weight"])
def test_bare_dict_of_masks(dtype, suffix, tmp_path):
    table = {f"{name}{suffix}": mask.to(dtype) for name, mask in make.masks().items()}
    table["fc.bias"] = torch.ones(5).to(dtype)
    found = load_masks(make.save_zip(table, tmp_path / "masks.pt"))
    make.assert_masks(found, make.masks())
    assert found["fc"].origin == "dict of masks"
    assert found["fc"].weight is None


@pytest.mark.parametrize(
    ("nested", "origin"),
    [
        (lambda table: {"masks": table}, "entry masks"),
        (lambda table: {"mask": {"masks": table, "stats": [1]}}, "entry mask.masks"),
        (lambda table: {"mask": table}, "entry mask"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".weight"])
def test_table_of_masks_beside_a_state_dict(nested, origin, suffix, tmp_path):
    table = {f"module.{name}{suffix}": mask.float() for name, mask in make.masks().items()}
    content = {"epoch": 3, "state_dict": make.network().state_dict()} | nested(table)
    found = load_masks(make.save_zip(content, tmp_path / "net.pt"))
    make.assert_masks(found, make.masks())
    assert found["fc"].origin == origin
    assert found["fc"].weight.all()


def test_table_of_masks_alone():
    found = load_masks({"masks": {"fc": make.masks()["fc"]}, "step": 4})
    make.assert_masks(found, {"fc": make.masks()["fc"]})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 1, "loss": torch.tensor(0.5)},
        lambda state: {"model": {"model_state_dict": state}},
        lambda state: {"net": state, "optimizer": {"state": {0: {"momentum": torch.ones(3)}}}},
        lambda state: {"ema": state, "model": {"depth": 18}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
        lambda state: (
            {"n_averaged": torch.tensor(2)}
            | {f"module.module.{name}": tensor for name, tensor in state.items()}
        ),
    ],
)
def test_wrappers_and_prefixes(wrap, tmp_path):
    content = wrap(make.pruned_network().state_dict())
    make.assert_masks(load_masks(make.save_zip(content, tmp_path / "net.pt")), make.masks())


def test_a_prefix_that_not_all_share_stays():
    state = {"module.fc.weight": torch.eye(2) / 2, "head.weight": torch.eye(2) / 2}
    assert list(load_masks(state)) == ["module.fc", "head"]


def test_numpy_objects_in_a_torch_file(tmp_path):
    table = {name: np.asfortranarray(mask.numpy()) for name, mask in make.masks().items()}
    table["fc"] = table["fc"].astype(">i4")
    content = {
        "best_acc1": np.float64(93.5),
        "name": np.str_("vgg"),
        "state_dict": make.network().state_dict(),
        "masks": table,
    }
    for save in (make.save_zip, make.save_legacy):
        found = load_masks(save(content, tmp_path / save.__name__))
        make.assert_masks(found, make.masks())


def test_arrays_and_mask_files_need_no_torch(tmp_path):
    script = (
        "import sys, numpy, masktopo\n"
        "masks = masktopo.load_masks({'fc.weight': numpy.eye(3) / 2})\n"
        "masks.save(sys.argv[1])\n"
        "assert masktopo.load_masks(sys.argv[1]) == masks\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "net.masks")], check=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("save", [make.save_zip, make.save_safetensors])
def test_narrow_floats_are_widened_exactly(dtype, save, tmp_path):
    weight = torch.tensor([[0.5, -0.0, 1.75], [0.0, -3.0, 0.015625]]).to(dtype)
    found = load_masks(save({"fc.weight": weight}, tmp_path / "net.bin"))
    assert found["fc"].weight.dtype == np.float32
    np.testing.assert_array_equal(found["fc"].weight, weight.float().numpy())
    assert found["fc"].mask.tolist() == [[True, False, True], [False, True, True]]


def test_double_precision_stays():
    found = load_masks({"fc.weight": torch.eye(3, dtype=torch.float64) / 3})
    assert found["fc"].weight.dtype == np.float64


def test_what_is_a_layer_without_a_model():
    eye = torch.eye(2) / 2
    state = {
        "lin.weight": eye,
        "lin.bias": torch.ones(2),
        "c1.weight": torch.ones(2, 3, 4) / 2,
        "c2.weight": torch.ones(2, 3, 4, 5) / 2,
        "c3.weight": torch.ones(2, 3, 4, 5, 6) / 2,
        "attn.in_proj_weight": eye.clone(),
        "attn.in_proj_bias": torch.ones(2),
        "norm1d.weight": torch.ones(4),
        "six.weight": torch.ones(2, 1, 1, 1, 1, 2) / 2,
        "layernorm.weight": torch.ones(4, 4),
        "layernorm.bias": torch.zeros(4, 4),
        "pos_embedding": torch.ones(1, 4, 4),
        "indices.weight": torch.ones(3, 3, dtype=torch.int64),
        "attn_mask": torch.zeros(3, 3, dtype=torch.bool),
        "lstm.weight_ih_l0_orig": torch.ones(4, 2) / 2,
        "lstm.weight_ih_l0_mask": torch.tensor([[1.0, 0.0]] * 4),
    }
    found = load_masks(state)
    assert {layer.name: (layer.kind, layer.origin) for layer in found.values()} == {
        "lin": ("linear", "zeros"),
        "c1": ("conv1d", "dense"),
        "c2": ("conv2d", "dense"),
        "c3": ("conv3d", "dense"),
        "attn.in_proj_weight": ("matrix", "zeros"),
        "lstm.weight_ih_l0": ("linear", "weight_ih_l0_mask"),
    }


def test_state_dict_of_a_single_layer():
    assert list(load_masks({"weight": torch.eye(2) / 2, "bias": torch.ones(2)})) == ["weight"]


def test_dense_layers_of_a_pruned_network_are_kept_in_place():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    prune.random_unstructured(model[1], "weight", 4)
    prune.random_unstructured(model[1], "bias", 1)
    found = load_masks(model.state_dict())
    assert [(layer.name, layer.origin, layer.nnz) for layer in found.values()] == [
        ("0", "dense", 9),
        ("1", "weight_mask", 5),
        ("2", "dense", 9),
    ]


def test_explicit_masks_come_before_zeros():
    state = {"fc.weight": torch.tensor([[0.0, 1.0], [2.0, 0.5]]), "fc.weight_mask": torch.eye(2)}
    assert load_masks(state)["fc"].mask.tolist() == [[True, False], [False, True]]


def test_safetensors_come_in_natural_order(tmp_path):
    state = {f"features.{place}.weight": torch.eye(2) / 2 for place in (10, 2, 1)}
    path = make.save_safetensors(state, tmp_path / "net.safetensors")
    assert list(load_masks(path)) == ["features.1", "features.2", "features.10"]


@pytest.mark.parametrize("save", [make.save_zip, make.save_legacy])
def test_tied_parameters_are_one_layer(save, tmp_path):
    weight = torch.eye(3) / 2
    state = {"encoder.weight": weight, "middle.weight": weight.clone(), "decoder.weight": weight}
    found = load_masks(save(state, tmp_path / "net.pt"))
    assert {layer.name: layer.aliases for layer in found.values()} == {
        "encoder": ("decoder",),
        "middle": (),
    }
    assert found.nnz == 6


def test_memory_is_shared_with_nobody():
    weight = torch.eye(2) / 2
    mask = np.eye(2, dtype=bool)
    from_state, from_masks = load_masks({"fc.weight": weight}), load_masks({"fc": mask})
    digest = from_masks.digest
    weight.zero_()
    mask[:] = False
    assert from_state["fc"].weight.tolist() == [[0.5, 0.0], [0.0, 0.5]]
    assert from_masks["fc"].nnz == 2
    assert MaskSet(from_masks.values()).digest == digest


def test_a_file_is_read_without_a_copy_of_its_weights(tmp_path):
    path = make.save_zip({"fc.weight": torch.eye(2) / 2}, tmp_path / "net.pt")
    assert load_masks(path)["fc"].weight.base is not None


def test_a_mask_set_is_returned_as_it_is():
    found = load_masks({"fc": np.eye(2, dtype=bool)})
    assert load_masks(found) is found


def test_dense_networks_where_allowed(tmp_path):
    path = make.save_zip(make.network().state_dict(), tmp_path / "net.pt")
    found = load_masks(path, allow_dense=True)
    assert found.density == 1
    assert {layer.origin for layer in found.values()} == {"dense"}


def test_parametrized_weights_without_masks_where_allowed():
    state = {"fc.parametrizations.weight.original": torch.ones(2, 3) / 2}
    found = load_masks(state, allow_dense=True)
    assert [(layer.name, layer.origin, layer.nnz) for layer in found.values()] == [
        ("fc", "dense", 6)
    ]


def test_nan_where_pruned_is_no_matter():
    state = {
        "fc.weight_orig": torch.tensor([[1.0, float("nan")], [float("inf"), 2.0]]),
        "fc.weight_mask": torch.eye(2),
    }
    found = load_masks(state)
    assert found["fc"].nnz == 2
    assert np.isnan(found["fc"].weight[0, 1])


def test_all_ones_warn(tmp_path):
    state = make.network().state_dict() | {
        f"{name}.weight_mask": torch.ones(shape) for name, shape in make.SHAPES.items()
    }
    path = make.save_zip(state, tmp_path / "net.pt")
    with pytest.warns(MasktopoWarning, match=r"net\.pt: all 2 masks keep every weight .*weight_m"):
        assert load_masks(path).density == 1


def test_dense_mask_file_warns(tmp_path):
    load_masks(make.network().state_dict(), allow_dense=True).save(tmp_path / "net.masks")
    with pytest.warns(MasktopoWarning, match=r"net\.masks: all 2 masks keep every weight"):
        load_masks(tmp_path / "net.masks")


def test_zero_layers_are_kept_and_warn():
    state = {"a.weight": torch.eye(2) / 2, "b.weight": torch.zeros(2, 2)}
    with pytest.warns(MasktopoWarning, match="all weights are zero in b: emptied .* or zero-init"):
        found = load_masks(state)
    assert found["b"].is_empty


def test_a_single_zero_layer_is_one_of_weights():
    with pytest.warns(MasktopoWarning, match=r"all weights are zero in fc"):
        found = load_masks({"fc.weight": torch.zeros(2, 2)})
    assert found["fc"].origin == "zeros"


def test_explicit_empty_masks_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_masks({"fc": np.zeros((2, 2), dtype=bool)})["fc"].is_empty


def test_masks_that_prune_little_do_not_warn():
    mask = np.ones((200, 100), dtype=bool)
    mask[3, 4] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_masks({"fc": mask}).nnz == 19_999


def test_few_zeros_warn():
    weight = torch.full((200, 100), 0.5)
    weight[3, 4] = 0
    with pytest.warns(MasktopoWarning, match="only 1 of 20000 weights are zero and there are no"):
        load_masks({"fc.weight": weight})


def test_warnings_point_to_the_caller():
    with pytest.warns(MasktopoWarning) as caught:
        load_masks({"fc.weight": torch.zeros(2, 2)})
    assert caught[0].filename == __file__
