"""Every format of docs/formats.md, on a file as its producer writes it."""

import json
import re

import numpy as np
import pytest
import torch

import masktopo
from masktopo import load_masks
from masktopo.errors import CheckpointError, MaskError, UnsafeCheckpointError
from masktopo.masks import load as loading
from masktopo.masks.survey import survey
from tests.masks import checkpoints as make
from tests.masks.producers import PRODUCERS, bitmask_parts, shards, sparsifier

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|BSR|BSC) tensor support")

EYE = torch.eye(3) / 2


@pytest.fixture(params=["kept", "on demand"])
def streamed(request, monkeypatch):
    """Both ways in which layers are held."""
    if request.param == "on demand":
        monkeypatch.setattr(loading, "_KEPT", 0)
    return request.param == "on demand"


@pytest.mark.parametrize("name", PRODUCERS)
def test_masks_and_origins(name, streamed, tmp_path):
    producer = PRODUCERS[name]
    found = load_masks(producer.write(tmp_path))
    assert found.is_on_demand is streamed
    make.assert_masks(found, make.masks())
    assert {layer.origin for layer in found.values()} == {producer.origin}
    assert found.has_weights is producer.has_weights
    assert found.nnz == sum(int(mask.sum()) for mask in make.masks().values())


@pytest.mark.parametrize("name", [n for n in PRODUCERS if PRODUCERS[n].has_weights])
def test_kept_weights(name, tmp_path):
    found = load_masks(PRODUCERS[name].write(tmp_path))
    for layer_name, layer in found.items():
        expected = getattr(make.network(), layer_name).weight.detach().numpy()
        if name == "STR":
            expected = -(expected + np.float32(0.1) - 1 / (1 + np.float32(np.e)))
        np.testing.assert_allclose(
            layer.weight[layer.mask], expected[layer.mask], rtol=1e-6 if name == "STR" else 0
        )


def test_sparsifiers_masks_serve_with_weights_from_elsewhere(tmp_path):
    model, found = sparsifier()
    weights = make.save_zip(model.state_dict(), tmp_path / "model.pt")
    masks = make.save_zip(found.state_dict(), tmp_path / "sparsifier.pt")
    report = masktopo.analyze(masks, metrics="density", weights=weights)
    assert report.network["nnz"] == load_masks(masks).nnz


def test_a_list_of_masks_says_none_for_dense_layers():
    state = {"a.weight": EYE, "bn.weight": torch.ones(3), "b.weight": EYE.reshape(3, 3, 1)}
    masks = {"backward_masks": [None, torch.eye(3).reshape(3, 3, 1)]}
    found = load_masks({"state_dict": state, "pruner": masks})
    assert {name: layer.origin for name, layer in found.items()} == {
        "a": "zeros",
        "b": "list pruner.backward_masks",
    }


@pytest.mark.parametrize("masks", [[torch.eye(3)], [torch.eye(3)] * 3])
def test_lists_of_another_length(masks):
    content = {"state_dict": {"a.weight": EYE, "b.weight": EYE.clone()}, "masks": masks}
    with pytest.raises(MaskError, match=rf"list masks has {len(masks)} masks for 2 layers"):
        load_masks(content)


def test_lists_of_another_order():
    content = {"state_dict": {"a.weight": EYE, "b.weight": torch.ones(2, 3)}}
    content["masks"] = [torch.ones(2, 3), torch.eye(3)]
    with pytest.raises(MaskError, match=r"layer 'a': the mask has shape \(2, 3\), but the weight"):
        load_masks(content)


def test_a_bare_list_gives_numbered_layers(tmp_path):
    found = load_masks(make.save_zip([torch.eye(3), None, torch.eye(2)], tmp_path / "keep.pt"))
    assert list(found) == ["0", "2"]


def test_a_causal_mask_is_no_mask_of_weights():
    state = {"attn.weight": EYE, "attn.mask": torch.ones(5, 5), "out.weight": EYE.clone()}
    assert {layer.origin for layer in load_masks(state).values()} == {"zeros"}


def test_later_parametrizations():
    key = "fc.parametrizations.weight"
    state = {f"{key}.original": EYE, f"{key}.1.mask": torch.eye(3)}
    assert load_masks(state)["fc"].origin == "parametrization mask"


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_stored_zeros_are_kept(layout, tmp_path):
    rows, columns = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 0, 3])
    values = torch.tensor([0.0, 2.0, -1.0, 0.5])
    coo = torch.sparse_coo_tensor(
        torch.stack([rows, columns]), values, (3, 4), check_invariants=True
    )
    tensor = {"coo": lambda: coo, "csr": coo.to_sparse_csr, "csc": coo.to_sparse_csc}[layout]()
    path = make.save_zip({"fc.weight": tensor}, tmp_path / "net.pt")
    found = load_masks(path)["fc"]
    expected = np.zeros((3, 4))
    expected[rows, columns] = values
    assert found.nnz == 4
    assert found.mask[rows, columns].all()
    np.testing.assert_array_equal(found.weight, expected)
    assert found.origin == f"stored entries ({layout.upper()})"


def test_uncoalesced_entries_are_summed():
    tensor = torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 2), check_invariants=True)
    found = load_masks({"fc.weight": tensor})["fc"]
    assert found.mask.tolist() == [[False, True], [False, False]]
    assert found.weight[0, 1] == 3


@pytest.mark.parametrize("layout", ["bsr", "bsc"])
def test_of_blocks_what_is_not_zero_is_kept(layout, tmp_path):
    dense = torch.zeros(4, 4)
    dense[0, 0] = dense[3, 2] = 1.5
    tensor = getattr(dense, f"to_sparse_{layout}")((2, 2))
    found = load_masks(make.save_zip({"fc.weight": tensor}, tmp_path / "net.pt"))["fc"]
    np.testing.assert_array_equal(found.mask, dense.numpy() != 0)


def test_sparse_masks_in_a_table():
    content = {"state_dict": {"fc.weight": EYE}, "masks": {"fc": torch.eye(3).to_sparse()}}
    assert load_masks(content)["fc"].mask.tolist() == (torch.eye(3) > 0).tolist()


def forged_csr():
    parts = (torch.tensor([0, 1, 9]), torch.tensor([0, 1]), torch.tensor([1.0, 2.0]), (2, 2))
    return torch.sparse_csr_tensor(*parts, check_invariants=False)


def forged_coo():
    return torch.sparse_coo_tensor([[0, -1], [0, 0]], [1.0, 1.0], (2, 2), check_invariants=False)


@pytest.mark.parametrize("forge", [forged_csr, forged_coo])
def test_sparse_tensors_in_memory_that_point_outside(forge):
    with pytest.raises(MaskError, match="'fc' is a sparse tensor whose indices do not"):
        load_masks({"fc.weight": forge()})


def test_batches_of_sparse_matrices():
    batch = torch.ones(2, 3, 3).to_sparse_csr()
    with pytest.raises(MaskError, match=r"'fc' is a batch of torch\.sparse_csr matrices"):
        load_masks({"fc.weight": batch})


def test_sparse_tensors_of_huge_shapes(tmp_path):
    path = make.save_zip({"fc.weight": make.sparse(10**6)}, tmp_path / "net.pt")
    expected = r"net\.pt: 'fc\.weight' of shape \(1000000, 1000000\) would take 4000000000000 bytes"
    with pytest.raises(MaskError, match=expected):
        load_masks(path)


def test_views_that_repeat_one_number(tmp_path):
    path = make.save_zip({"fc.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "net.pt")
    with pytest.raises(MaskError, match=r"net\.pt: 'fc\.weight' of shape .* would take"):
        load_masks(path)


@pytest.mark.parametrize("stem", ["fc", "fc.weight"])
def test_bitmask_of_two_in_four(stem, tmp_path):
    weight = np.array([[1, 0, 2, 0], [0, 0, 3, 4]], dtype=np.float32)
    parts = bitmask_parts(weight)
    del parts["row_offsets"]
    parts["compressed"] = parts["compressed"].reshape(2, 2)
    parts["shape"] = parts["shape"].reshape(2, 1)
    state = {f"{stem}.{part}": torch.from_numpy(value) for part, value in parts.items()}
    path = make.save_safetensors(state, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(load_masks(path)["fc"].weight, weight)


# What compressed-tensors 0.14.0.1 wrote for [[0, 1.5, 0, -2], [0.5, 0, 0, 3]] in bfloat16, by
# BitmaskTensor.from_dense(...).dict("fc") and Sparse24BitMaskTensor.from_dense(...).dict("head").
WRITTEN = {
    "fc.shape": torch.tensor([2, 4]),
    "fc.compressed": torch.tensor([1.5, -2.0, 0.5, 3.0], dtype=torch.bfloat16),
    "fc.bitmask": torch.tensor([[10], [9]], dtype=torch.uint8),
    "fc.row_offsets": torch.tensor([0, 2]),
    "head.shape": torch.tensor([[2], [4]]),
    "head.compressed": torch.tensor([[1.5, -2.0], [0.5, 3.0]], dtype=torch.bfloat16),
    "head.bitmask": torch.tensor([[10], [9]], dtype=torch.uint8),
}


def test_tensors_that_compressed_tensors_wrote(tmp_path):
    found = load_masks(make.save_safetensors(WRITTEN, tmp_path / "net.safetensors"))
    for layer in found.values():
        assert layer.weight.tolist() == [[0, 1.5, 0, -2], [0.5, 0, 0, 3]]
        assert layer.origin == "bitmask"
    assert list(found) == ["fc", "head"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compressed": None}, "'fc.weight' has a bitmask, but no compressed"),
        ({"shape": None}, "'fc.weight' has a bitmask, but no shape"),
        ({"shape": np.array([2.0, 3.0])}, r"its shape is a tensor of shape \(2,\)"),
        ({"shape": np.array([-2, 3])}, r"has the shape \(-2, 3\)"),
        ({"shape": np.array([3, 17])}, r"bitmask has shape \(3, 1\), expected \(3, 3\)"),
        ({"compressed": np.ones(2)}, "'fc' has 2 compressed values for 3 bits"),
    ],
)
def test_damaged_bitmasks(change, message):
    parts = bitmask_parts(np.eye(3, dtype=np.float32)) | change
    state = {f"fc.weight.{part}": value for part, value in parts.items() if value is not None}
    with pytest.raises(MaskError, match=f"state dict: .*{message}"):
        load_masks(state)


def test_thresholds_that_broadcast_up():
    state = {"fc.weight": EYE, "fc.sparseThreshold": torch.zeros(9, 1, 1)}
    with pytest.raises(MaskError, match=r"sparseThreshold has shape \(9, 1, 1\), which does not"):
        load_masks(state)


def test_thresholds_of_rows_and_of_far_below():
    weight = torch.tensor([[0.1, -0.9], [0.1, -0.9]])
    threshold = torch.tensor([[0.0], [-200.0]])
    found = load_masks({"fc.weight": weight, "fc.sparseThreshold": threshold})["fc"]
    assert found.mask.tolist() == [[False, True], [True, True]]


def hostile_index(folder, file):
    shards(folder, make.save_safetensors, "m-{}-{}.safetensors", "model.safetensors.index.json")
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["fc.weight"] = file
    index.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("file", ["../x", "a/../../x", "..\\x", "C:\\x", "C:x", "", ".", "a\0b"])
def test_shards_outside_of_their_folder(file, tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "x").touch()
    with pytest.raises(CheckpointError, match=r"index\.json: the shard '.*' lies outside"):
        load_masks(hostile_index(tmp_path / "in", file))


def test_shards_of_a_rooted_path(tmp_path):
    (tmp_path / "x").touch()
    (tmp_path / "in").mkdir()
    with pytest.raises(CheckpointError, match=r"index\.json: the shard '.*' lies outside"):
        load_masks(hostile_index(tmp_path / "in", str(tmp_path / "x")))


def test_shards_that_are_not_there(tmp_path):
    with pytest.raises(CheckpointError, match=r"the shard 'gone\.safetensors' is not there"):
        load_masks(hostile_index(tmp_path, "gone.safetensors"))


def test_shards_that_lack_a_tensor(tmp_path):
    expected = r"the shard 'm-1-9\.safetensors' lacks 'fc\.weight', listed for it"
    with pytest.raises(CheckpointError, match=expected):
        load_masks(hostile_index(tmp_path, "m-1-9.safetensors"))


@pytest.mark.parametrize("load", [load_masks, survey])
@pytest.mark.parametrize("name", ["safetensors shards", "bin shards"])
def test_errors_name_the_shard(name, load, tmp_path):
    weight = torch.full((5, 16), torch.nan)
    save = {"safetensors shards": make.save_safetensors, "bin shards": make.save_zip}[name]
    path = PRODUCERS[name].write(tmp_path)
    shard = next(iter(path.glob("*00002-of*")))
    save({"fc.weight": weight}, shard)
    index = next(iter(path.glob("*.json")))
    index.write_text(json.dumps({"weight_map": {"fc.weight": shard.name}}))
    expected = rf"{path.name}: shard '{re.escape(shard.name)}': layer 'fc': 80 of 80 kept weights"
    with pytest.raises(MaskError, match=expected):
        load(path)


@pytest.mark.parametrize("content", ["{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}'])
def test_json_that_is_no_index(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json is no index of shards"):
        load_masks(tmp_path / "config.json")


def test_two_indexes(tmp_path):
    for name in ("a.safetensors.index.json", "b.safetensors.index.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match=r"has several indexes: a\.safetensors\.index\.json"):
        load_masks(tmp_path)


def test_a_single_array(tmp_path):
    np.save(tmp_path / "mask.npy", np.eye(3, dtype=bool))
    assert load_masks(tmp_path / "mask.npy")["weight"].nnz == 3


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "net.npz", masks=np.array([{"fc": 1}], dtype=object))
    with pytest.raises(UnsafeCheckpointError, match=r"net\.npz: 'masks\.npy' holds Python objects"):
        load_masks(tmp_path / "net.npz")


def test_grasp_files_are_refused_with_the_way_out(tmp_path):
    model = make.network()
    content = {"net": model, "mask": {model.fc: torch.ones(5, 16)}, "ratio": 0.9}
    path = make.save_zip(content, tmp_path / "grasp.pth.tar")
    with pytest.raises(UnsafeCheckpointError, match=r"grasp.*container.*net\.named_modules\(\)"):
        load_masks(path)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_every_number_of_eight_bits(dtype, tmp_path):
    bits = torch.arange(256, dtype=torch.uint8).view(dtype)
    finite = bits[torch.isfinite(bits.float())]
    weight = finite.reshape(2, -1)
    path = make.save_safetensors({"fc.weight": weight}, tmp_path / "net.safetensors")
    found = load_masks(path)["fc"]
    np.testing.assert_array_equal(found.weight, weight.float().numpy())
    assert found.nnz == finite.numel() - 2, "both zeros, and nothing else"


@pytest.mark.parametrize(
    "dtype",
    [
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int64,
        torch.uint16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float64,
    ],
)
@pytest.mark.parametrize("save", [make.save_zip, make.save_safetensors])
def test_masks_of_any_type(dtype, save, tmp_path):
    state = make.network().state_dict()
    state |= {f"{name}.weight_mask": mask.to(dtype) for name, mask in make.masks().items()}
    make.assert_masks(load_masks(save(state, tmp_path / "net")), make.masks())


def npy(tensors, path):
    np.save(path, tensors["fc"].numpy())
    return path.with_suffix(".npy")


@pytest.mark.parametrize("save", [make.save_safetensors, make.save_zip, make.save_legacy, npy])
def test_bytes_that_are_no_truth_values(save, tmp_path):
    path = save({"fc": torch.ones(2, 2, dtype=torch.bool)}, tmp_path / "net")
    whole = path.read_bytes()
    assert whole.count(b"\1\1\1\1") == 1
    path.write_bytes(whole.replace(b"\1\1\1\1", b"\1\1\1\7"))
    with pytest.raises(MaskError, match=r"net.* has the byte 7 for a truth value; expected 0 or 1"):
        load_masks(path)


def test_files_that_change_after_they_were_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_KEPT", 0)
    path = PRODUCERS["torch prune, safetensors"].write(tmp_path)
    found = load_masks(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match=r"net\.safetensors has changed since"):
        found["fc"].mask.any()
    path.unlink()
    with pytest.raises(CheckpointError, match=r"net\.safetensors cannot be read any more"):
        found["fc"].mask.any()


def test_sets_on_demand_are_mask_sets(tmp_path, monkeypatch):
    path = PRODUCERS["torch prune, safetensors"].write(tmp_path)
    kept = load_masks(path)
    monkeypatch.setattr(loading, "_KEPT", 0)
    found = load_masks(path)
    assert found == kept
    assert repr(found) == repr(kept)
    assert found.digest == kept.digest
    assert found & kept == kept
    assert not found.with_weights(None).has_weights
    assert found.with_masks({"fc": ~kept["fc"].mask}, origin="turned")["fc"].origin == "turned"
    found.save(tmp_path / "copy.masks")
    kept.save(tmp_path / "kept.masks")
    assert (tmp_path / "copy.masks").read_bytes() == (tmp_path / "kept.masks").read_bytes()


def test_docs_name_every_format():
    text = (make.ROOT / "docs" / "formats.md").read_text()
    assert [name for name in PRODUCERS if not re.search(rf"`{re.escape(name)}`", text)] == []


EXPLICIT = [
    "torch prune",
    "torch prune, legacy",
    "torch prune, safetensors",
    "SynFlow",
    "ProsPr buffers",
    "sparse_learning",
    "sparse_learning, below",
    "parametrization",
    "sparsimony",
    "open_lth PrunedModel",
    "entry masks",
    "rigl-torch",
]


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("name", EXPLICIT)
def test_weights_of_0_or_1_are_no_masks(name, value, monkeypatch, tmp_path):
    def constant_network(seed: int = 0):
        model = network()
        for entry in model.state_dict().values():
            entry.fill_(value)
        return model

    network = make.network
    monkeypatch.setattr(make, "network", constant_network)
    path = PRODUCERS[name].write(tmp_path)
    for masks in (load_masks(path), load_masks(path, allow_dense=True)):
        make.assert_masks(masks, make.masks())
        assert masks.has_weights
        assert {layer.origin for layer in masks.values()} == {PRODUCERS[name].origin}
    assert [layer.name for layer in survey(path).layers] == list(make.masks())
