"""Masktopo's own mask file: nothing is lost, and no damage goes unnoticed."""

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masktopo import LayerMask, MaskSet, load_masks
from masktopo.errors import CheckpointError
from masktopo.masks.formats.own import MAGIC
from masktopo.masks.layer import KINDS

FIELDS = ("name", "shape", "kind", "groups", "aliases", "origin", "assumed")


@st.composite
def layers(draw, name):
    kind = draw(st.sampled_from(sorted(KINDS)))
    shape = draw(hnp.array_shapes(min_dims=KINDS[kind], max_dims=KINDS[kind], max_side=5))
    mask = draw(hnp.arrays(bool, shape))
    dtype = draw(st.sampled_from([None, np.float32, np.float64]))
    weight = None
    if dtype is not None:
        bits = np.dtype(f"u{np.dtype(dtype).itemsize}")
        weight = draw(hnp.arrays(bits, shape)).view(dtype)
        weight = np.where(mask & ~np.isfinite(weight), dtype(-0.0), weight)
    return LayerMask(
        name,
        mask,
        weight,
        kind=kind,
        groups=draw(st.sampled_from([1, shape[0] if "conv" in kind else 1])),
        aliases=tuple(draw(st.lists(st.text(), max_size=2))),
        origin=draw(st.text()),
    )


@st.composite
def mask_sets(draw):
    names = draw(st.lists(st.text(), min_size=1, max_size=4, unique=True))
    return MaskSet([draw(layers(name)) for name in names], source=draw(st.text()))


def bits_of(weight):
    return None if weight is None else (weight.dtype, weight.tobytes())


@pytest.mark.filterwarnings("ignore::masktopo.MasktopoWarning")
@given(masks=mask_sets(), weights=st.booleans())
@settings(max_examples=100)
def test_nothing_is_lost(masks, weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("masks") / "net.masks"
    masks.save(path, weights=weights)
    found = load_masks(path)
    assert list(found) == list(masks)
    assert found == masks
    assert found.source == str(path)
    for name, layer in masks.items():
        assert all(getattr(found[name], field) == getattr(layer, field) for field in FIELDS)
        assert bits_of(found[name].weight) == (bits_of(layer.weight) if weights else None)


def example() -> MaskSet:
    weight = np.array([[0.5, -0.0, np.nan], [-2.0, 1e-40, 3.0]], dtype=np.float32)
    mask = np.array([[True, True, False], [False, True, True]])
    return MaskSet(
        [
            LayerMask("fc", mask, weight, aliases=("head",), origin="weight_mask"),
            LayerMask("conv", np.ones((2, 1, 3), dtype=bool), kind="conv1d", groups=2),
        ],
        source="net.pt",
    )


def test_equal_masks_give_equal_bytes(tmp_path):
    example().save(tmp_path / "a")
    example().save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "net.masks"
    example().save(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"net\.masks"):
            load_masks(path)


def test_any_missing_or_added_byte_is_noticed(tmp_path):
    path = tmp_path / "net.masks"
    example().save(path)
    whole = path.read_bytes()
    for end in range(len(MAGIC), len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"net\.masks is truncated"):
            load_masks(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match=r"net\.masks is too long or damaged: it has \d+ byt"):
        load_masks(path)


def test_damage_is_explained(tmp_path):
    path = tmp_path / "net.masks"
    example().save(path)
    whole = bytearray(path.read_bytes())
    whole[-40] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="damaged: its bytes do not give its SHA-256 checks"):
        load_masks(path)


def test_later_versions_are_refused(tmp_path):
    path = tmp_path / "net.masks"
    example().save(path)
    whole = bytearray(path.read_bytes())
    whole[8] = 2
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="file of version 2; this masktopo reads version 1"):
        load_masks(path)


def forged(path, header, payload=b""):
    """Write a file with a right checksum over whatever header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = struct.pack("<8sII", MAGIC, 1, len(text)) + text + payload
    path.write_bytes(body + hashlib.sha256(body).digest())


LAYER = {
    "name": "fc",
    "shape": [2, 4],
    "kind": "linear",
    "groups": 1,
    "aliases": [],
    "origin": "given",
    "weight": None,
}


def test_the_forger_can_write_a_right_file(tmp_path):
    forged(tmp_path / "net", {"source": "", "layers": [LAYER]}, b"\x81" + bytes(7))
    mask = load_masks(tmp_path / "net")["fc"].mask
    assert mask.astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [2**40, 2**40]}, "is truncated or damaged: it has"),
        ({"weight": "float32"}, "is truncated or damaged: it has"),
        ({"shape": [2, 3, 1, 1, 1, 1]}, "its header cannot be read: shape"),
        ({"shape": [-2, 4]}, "its header cannot be read: shape"),
        ({"shape": [True, 4]}, "its header cannot be read: shape"),
        ({"shape": 8}, "its header cannot be read"),
        ({"name": 3}, "its header cannot be read: layer 3"),
        ({"groups": 1.5}, "its header cannot be read: layer 'fc'"),
        ({"assumed": 1}, "its header cannot be read: layer 'fc'"),
        ({"aliases": [None]}, "its header cannot be read: layer 'fc'"),
        ({"weight": "int8"}, "its header cannot be read"),
        ({"weight": []}, "its header cannot be read"),
        ({"kind": "conv2d"}, "impossible layer: layer 'fc': a conv2d weight has 4 dim"),
        ({"kind": "lstm"}, "impossible layer: kind='lstm'"),
        ({"groups": 2}, "impossible layer: layer 'fc': only convolutions have groups"),
        (
            {"groups": 3, "kind": "conv1d", "shape": [2, 4, 1]},
            "impossible layer: layer 'fc': 2 channels",
        ),
        ({"groups": 0}, "impossible layer: groups must be at least 1"),
    ],
)
def test_forged_layers(change, message, tmp_path):
    forged(tmp_path / "net", {"source": "", "layers": [LAYER | change]}, b"\x81" + bytes(7))
    with pytest.raises(CheckpointError, match=f"net .*{message}"):
        load_masks(tmp_path / "net")


@pytest.mark.parametrize(
    "header", [b"", b"{", b"[]", b"{}", b'{"layers": 3}', b"[" * 100_000, b"\xff", b"9" * 9999]
)
def test_forged_headers(header, tmp_path):
    forged(tmp_path / "net", header)
    with pytest.raises(CheckpointError, match="its header cannot be read"):
        load_masks(tmp_path / "net")


def test_two_layers_of_one_name(tmp_path):
    header = {"source": "", "layers": [LAYER, LAYER]}
    forged(tmp_path / "net", header, (b"\x81" + bytes(7)) * 2)
    with pytest.raises(CheckpointError, match=r"impossible layer: .* two layers are named 'fc'"):
        load_masks(tmp_path / "net")


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.masks"
    example().save(path)
    before = path.read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "packbits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        example().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_named(tmp_path):
    (tmp_path / "net").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        example().save(tmp_path / "net")
    assert caught.value.filename == str(tmp_path / "net")
    assert [path.name for path in tmp_path.rglob("*")] == ["net"]


@pytest.mark.parametrize("there", [True, False])
def test_links_are_written_through(there, tmp_path):
    real, link = tmp_path / "store" / "real.masks", tmp_path / "net.masks"
    link.symlink_to(real)
    if there:
        real.parent.mkdir()
        real.write_bytes(b"old")
    example().save(link)
    assert link.is_symlink()
    assert not real.is_symlink()
    assert load_masks(real) == load_masks(link) == example()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["net.masks", "real.masks", "store"]


def test_links_in_a_circle_are_replaced(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    example().save(tmp_path / "a")
    assert load_masks(tmp_path / "a") == example()


def read_as_documented(data: bytes) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """A reader of the format made from docs/mask-file.md alone."""
    magic, version, length = struct.unpack_from("<8sII", data)
    assert (magic, version) == (b"\x89MTMASK\n", 1)
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    place = 16 + length
    found = {}
    for layer in json.loads(data[16:place])["layers"]:
        size = int(np.prod(layer["shape"]))
        bits = [data[place + k // 8] >> (k % 8) & 1 for k in range(size)]
        place += -(-size // 64) * 8
        weight = None
        if layer["weight"]:
            code, width = {"float32": ("f", 4), "float64": ("d", 8)}[layer["weight"]]
            values = struct.unpack_from(f"<{size}{code}", data, place)
            weight = np.reshape(values, layer["shape"])
            place += -(-size * width // 8) * 8
        found[layer["name"]] = np.reshape(bits, layer["shape"]).astype(bool), weight
    assert place == len(data) - 32
    return found


def test_the_documented_reader(tmp_path):
    masks = example()
    masks.save(tmp_path / "net.masks")
    found = read_as_documented((tmp_path / "net.masks").read_bytes())
    assert list(found) == list(masks)
    for name, (mask, weight) in found.items():
        np.testing.assert_array_equal(mask, masks[name].mask)
        if weight is not None:
            np.testing.assert_array_equal(weight.astype(np.float32), masks[name].weight)
    assert found["conv"][1] is None
