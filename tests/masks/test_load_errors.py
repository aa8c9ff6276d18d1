"""Bad input: each case gives an error that names the file, the layer, and what was found."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import parametrizations, weight_norm

from masktopo import load_masks
from masktopo.errors import ArgumentError, CheckpointError, MaskError, NoMaskError
from tests.masks import checkpoints as make

EYE = torch.eye(3) / 2


def saved(content, path):
    return make.save_zip(content, path / "net.pt")


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.pt: there is no such file"):
        load_masks(tmp_path / "none.pt")


def test_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"is a folder of no kind .*Hugging Face folder"):
        load_masks(tmp_path)


def test_path_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"net\.pt: there is no such file"):
        load_masks(tmp_path / "file" / "net.pt")


def test_empty_file(tmp_path):
    (tmp_path / "net.pt").touch()
    with pytest.raises(CheckpointError, match=r"net\.pt is empty \(0 bytes\)"):
        load_masks(tmp_path / "net.pt")


def test_unknown_format(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"conv1,0.3\nconv2,0.1\n")
    with pytest.raises(CheckpointError, match=r"net\.pt is of no format .*b'conv1.*safetensors fi"):
        load_masks(tmp_path / "net.pt")


@pytest.mark.parametrize("save", [make.save_zip, make.save_legacy, make.save_safetensors])
def test_truncated_file(save, tmp_path):
    path = save(make.pruned_network().state_dict(), tmp_path / "net.bin")
    whole = path.read_bytes()
    for part in (0.3, 0.6, 0.95):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(CheckpointError, match=r"net\.bin is truncated"):
            load_masks(path)


def test_truncated_within_the_header_of_safetensors(tmp_path):
    path = make.save_safetensors(make.pruned_network().state_dict(), tmp_path / "net.bin")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CheckpointError, match=r"net\.bin is truncated or damaged"):
        load_masks(path)


def test_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("masks.csv", "fc,1")
    with pytest.raises(CheckpointError, match=r"net\.zip is a zip archive that torch\.save did n"):
        load_masks(tmp_path / "net.zip")


def test_archive_with_a_broken_pickle(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00X\xff")
        archive.writestr("archive/version", b"3\n")
    with pytest.raises(CheckpointError, match=r"net\.pt is truncated, damaged or of a kind"):
        load_masks(tmp_path / "net.pt")


@pytest.mark.parametrize("protocol", [2, 4])
def test_plain_pickle(protocol, tmp_path):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"fc": [1, 0]}, protocol=protocol))
    with pytest.raises(CheckpointError, match=r"net\.pkl is a pickle .* with torch\.save"):
        load_masks(tmp_path / "net.pkl")


@pytest.mark.parametrize("content", [[torch.eye(3), 1], torch.eye(3), 3.5])
def test_content_that_is_no_dict(content, tmp_path):
    with pytest.raises(CheckpointError, match=r"net\.pt holds a (list|Tensor|float); expected a s"):
        load_masks(saved(content, tmp_path))


@pytest.mark.parametrize("array", [np.array([object()]), np.array([(1, 2)], dtype="i4,f8")])
def test_numpy_arrays_of_no_numbers(array, tmp_path):
    with pytest.raises(CheckpointError, match=r"net\.pt .*NumPy arrays (of type .*)?are not read"):
        load_masks(saved({"x": array[:0], "fc.weight": EYE}, tmp_path))


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"model": {}}, {"bn.weight": torch.ones(3)}])
def test_no_layers(content, tmp_path):
    with pytest.raises(NoMaskError, match=r"net\.pt: no layer found. Looked for floating tensors"):
        load_masks(saved(content, tmp_path), allow_dense=True)


def test_dicts_that_hold_themselves(tmp_path):
    content = {"epoch": 3}
    content |= {"state_dict": content, "model": content, "net": content, "masks": content}
    with pytest.raises(NoMaskError, match=r"net\.pt: no layer found"):
        load_masks(saved(content, tmp_path))


def test_a_thousand_wrappers(tmp_path):
    content = {"fc.weight": EYE}
    for _ in range(3000):
        content = {"model": content}
    with pytest.raises(NoMaskError, match=r"no layer found"):
        load_masks(content)


def test_neither_masks_nor_zeros(tmp_path):
    path = saved(make.network().state_dict(), tmp_path)
    expected = (
        r"net\.pt: neither masks nor zeros in 2 layers \(conv, fc\)\. Looked for \*_mask .* "
        r"parametrizations, dicts of masks .* zeros in the weights\. .* allow_dense=True"
    )
    with pytest.raises(NoMaskError, match=expected):
        load_masks(path)


def test_sparsifier_of_torch_leaves_masks_out(tmp_path):
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    sparsifier = WeightNormSparsifier(sparsity_level=0.5)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    path = saved(model.state_dict(), tmp_path)
    expected = r"net\.pt: 0\.parametrizations\.weight\.original hold values before .*squash_mask"
    with pytest.raises(NoMaskError, match=expected):
        load_masks(path)


def test_original_weights_without_a_mask():
    with pytest.raises(NoMaskError, match=r"state dict: fc\.weight_orig hold values before maski"):
        load_masks({"fc.weight_orig": EYE, "head.weight": EYE})


def test_factors_of_weights():
    old = "ignore:`torch.nn.utils.weight_norm` is deprecated"
    with pytest.warns(FutureWarning, match=old.split(":")[1]):
        hooked = weight_norm(nn.Linear(3, 3))
    with pytest.raises(NoMaskError, match=r"weight_g hold factors .* Remove weight_norm"):
        load_masks(hooked.state_dict())
    with pytest.raises(NoMaskError, match=r"original0 hold factors .* Remove weight_norm"):
        load_masks(parametrizations.weight_norm(nn.Linear(3, 3)).state_dict(), allow_dense=True)


@pytest.mark.parametrize(
    "state",
    [
        {"fc.weight_orig": EYE, "fc.weight_mask": torch.ones(3, 2)},
        {"fc.weight": EYE, "fc.weight_mask": torch.ones(3, 2)},
        {"state_dict": {"fc.weight": EYE}, "masks": {"fc": torch.ones(3, 2)}},
        {
            "fc.parametrizations.weight.original": EYE,
            "fc.parametrizations.weight.0.mask": torch.ones(3, 2),
        },
    ],
)
def test_mask_of_another_shape(state, tmp_path):
    expected = r"net\.pt: layer 'fc': the mask has shape \(3, 2\), but the weight .* \(3, 3\)"
    with pytest.raises(MaskError, match=expected):
        load_masks(saved(state, tmp_path))


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (torch.tensor([[0.5, 1.0], [0.0, -2.0]]), r"2 other values, such as -2\.0, 0\.5"),
        (torch.tensor([[float("nan"), 1.0], [0.0, 1.0]]), r"1 other values, such as nan"),
        (torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8), r"2 other values, such as 255"),
    ],
)
def test_masks_of_other_values(mask, found, tmp_path):
    path = saved({"fc.weight_orig": torch.ones(2, 2), "fc.weight_mask": mask}, tmp_path)
    with pytest.raises(MaskError, match=rf"net\.pt: layer 'fc': .* only 0 and 1, .* {found}"):
        load_masks(path)


def test_bare_masks_of_other_values():
    with pytest.raises(MaskError, match=r"state dict: layer 'fc': .* such as 255"):
        load_masks({"fc": np.array([[0, 255]], dtype=np.uint8)})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(bad, tmp_path):
    state = {"a.weight": EYE, "b.weight": torch.tensor([[bad, 0.0], [1.0, bad]])}
    with pytest.raises(MaskError, match=r"net\.pt: layer 'b': 2 of 3 kept weights are nan or inf"):
        load_masks(saved(state, tmp_path))


def test_masks_of_unknown_parameters():
    content = {"state_dict": {"fc.weight": EYE}, "masks": {"gone": torch.eye(2)}}
    with pytest.raises(MaskError, match=r"state dict: entry masks has masks of gone, which the st"):
        load_masks(content)


def test_masks_of_too_many_dimensions():
    with pytest.raises(MaskError, match=r"layer 'x': expected 2 to 5 dimensions, not shape"):
        load_masks({"x": np.ones((1,) * 6, dtype=bool)})


def test_sparse_tensors_that_point_outside(tmp_path):
    bad = torch.sparse_coo_tensor([[0, 9], [0, 0]], [1.0, 1.0], (2, 2), check_invariants=False)
    with pytest.raises(CheckpointError, match=r"net\.pt is truncated, damaged"):
        load_masks(saved({"fc.weight": bad}, tmp_path))


def test_meta_tensors():
    with pytest.raises(MaskError, match=r"'fc\.weight' is a meta tensor"):
        load_masks({"fc.weight": torch.empty(3, 3, device="meta")})


def test_two_parameters_of_one_layer():
    with pytest.raises(MaskError, match=r"two layers are named 'fc'"):
        load_masks({"fc": np.eye(2, dtype=bool), "fc.weight": np.eye(2, dtype=bool)})


@pytest.mark.parametrize("source", [None, 3, [torch.eye(3)], torch.eye(3)])
def test_sources_of_no_kind(source):
    with pytest.raises(
        ArgumentError, match=r"masks are read from a path, .* not from (None|int|list|Tens)"
    ):
        load_masks(source)
