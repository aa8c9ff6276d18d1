"""CIFAR, IDX and NumPy files in the forms that they are published in, and damaged ones."""

import gzip
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest
import torch

from masktopo.data import resolve_data
from masktopo.data.unpickle import unpickle_plain
from masktopo.errors import ArgumentError, DataError

RNG = np.random.default_rng(0)


def python2_pickle(entries):
    """Write a batch as Python 2 does: texts are bytes, and so is the content of arrays."""
    body = b"".join(python2_text(key) + value for key, value in entries.items())
    return b"\x80\x02}q\x01(" + body + b"u."


def python2_text(text):
    return b"U" + bytes([len(text)]) + text


def python2_array(array):
    """The instructions for one array of uint8, without a memo."""
    rows, columns = array.shape
    raw = array.tobytes()
    kind = b"cnumpy\ndtype\n" + python2_text(b"u1") + b"K\x00K\x01\x87R"
    kind += b"(K\x03" + python2_text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    start += b"K\x00\x85" + python2_text(b"b") + b"\x87R"
    shape = struct.pack("<BI", 0x4A, rows) + struct.pack("<BI", 0x4A, columns) + b"\x86"
    content = b"T" + struct.pack("<I", len(raw)) + raw
    return start + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


def python2_list(numbers):
    return b"](" + b"".join(b"K" + bytes([number]) for number in numbers) + b"e"


def batch(count, n_classes):
    images = RNG.integers(0, 256, (count, 3072), dtype=np.uint8)
    return images, RNG.integers(0, n_classes, count)


CIFAR10 = [*(f"data_batch_{part}" for part in range(1, 6)), "test_batch"]
KEYS = {"cifar10": b"labels", "cifar100": b"fine_labels"}


def write_cifar(folder, name, form):
    """Write all batches of `name`; the images and classes of both parts."""
    folder.mkdir(parents=True, exist_ok=True)
    n_classes = 10 if name == "cifar10" else 100
    files = CIFAR10 if name == "cifar10" else ["train", "test"]
    batches = [batch(3, n_classes) for _ in files]
    for file, (images, labels) in zip(files, batches, strict=True):
        if form == "binary":
            coarse = [] if name == "cifar10" else [labels[:, None] // 5]
            records = np.hstack([*coarse, labels[:, None], images]).astype(np.uint8)
            (folder / f"{file}.bin").write_bytes(records.tobytes())
        elif form == "python2":
            entries = {b"data": python2_array(images), KEYS[name]: python2_list(labels)}
            (folder / file).write_bytes(python2_pickle(entries))
        else:
            entries = {b"data": images, KEYS[name]: labels.tolist(), b"batch_label": b"one of 5"}
            (folder / file).write_bytes(pickle.dumps(entries, protocol=2))
    joined = [np.concatenate(arrays) for arrays in zip(*batches[:-1], strict=True)]
    return joined, batches[-1]


def assert_images(data, images, labels):
    assert data.inputs.dtype == torch.uint8
    assert np.array_equal(data.inputs.numpy(), images.reshape(data.inputs.shape))
    assert np.array_equal(data.labels.numpy(), labels)


@pytest.mark.parametrize("form", ["python2", "python3", "binary"])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_in_every_form(tmp_path, name, form):
    train, test = write_cifar(tmp_path / "batches", name, form)
    splits = resolve_data(f"{name}:{tmp_path}")
    assert_images(splits.train, *train)
    assert_images(splits.test, *test)
    assert splits.train.sample_shape == (3, 32, 32)
    assert splits.train.n_classes == (10 if name == "cifar10" else 100)


def test_cifar_is_read_from_its_archive(tmp_path):
    train, _ = write_cifar(tmp_path / "cifar-10-batches-py", "cifar10", "python2")
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    assert_images(resolve_data(f"cifar10:{tmp_path / 'cifar-10-python.tar.gz'}").train, *train)


def test_a_missing_batch_is_named_with_where_to_get_it(tmp_path):
    write_cifar(tmp_path, "cifar10", "binary")
    (tmp_path / "data_batch_3.bin").unlink()
    message = r"has neither data_batch_3 nor data_batch_3\.bin; cifar10 is at https://www\.cs\.tor"
    with pytest.raises(DataError, match=message):
        resolve_data(f"cifar10:{tmp_path}")


@pytest.mark.parametrize(
    ("form", "file", "content", "message"),
    [
        ("binary", "test_batch.bin", bytes(3074), "3074 bytes are no multiple of 3073"),
        (
            "binary",
            "test_batch.bin",
            b"\x0b" + bytes(3072),
            "is no .*image 0 has class 11, expected 0 to 9",
        ),
        ("python3", "test_batch", pickle.dumps([1]), "it has no data and labels"),
        ("python3", "test_batch", pickle.dumps({b"data": 1}), "it has no data and labels"),
        ("python3", "test_batch", b"\x80\x02}", "is damaged or no pickle"),
    ],
)
def test_a_damaged_batch_is_named(tmp_path, form, file, content, message):
    write_cifar(tmp_path, "cifar10", form)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=rf"{file}.* {message}"):
        resolve_data(f"cifar10:{tmp_path}")


def test_classes_and_images_of_a_batch_must_go_together(tmp_path):
    write_cifar(tmp_path, "cifar10", "python3")
    entries = {b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1]}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(entries, protocol=2))
    with pytest.raises(DataError, match=r"2 classes, but data of shape \(3, 3072\); whole files"):
        resolve_data(f"cifar10:{tmp_path}")


@pytest.mark.parametrize("label", [-1, 10, 2**70])
def test_numbers_that_are_no_classes_are_named(tmp_path, label):
    write_cifar(tmp_path, "cifar10", "python3")
    entries = {b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, label, 1]}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(entries, protocol=2))
    with pytest.raises(DataError, match=f"test_batch is no .*image 1 has class {label}, expected"):
        resolve_data(f"cifar10:{tmp_path}")


class Attack:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (Attack(os.system, "echo attacked"), r"would import (posix|nt)\.system"),
        (Attack(eval, "1 + 1"), r"would import __builtin__\.eval"),
        (Attack(np.frombuffer, b"1234"), r"would import numpy.*\.frombuffer"),
        (np.array([{}], dtype=object), "it holds an array of 'O8', not of bytes"),
        (np.zeros(3, dtype=np.int64), "it holds an array of 'i8', not of bytes"),
    ],
)
def test_pickles_that_could_run_code_are_refused(attack, message, capfd):
    with pytest.raises(DataError, match=rf"batch: refused, since .*{message}"):
        unpickle_plain(pickle.dumps({b"data": attack}, protocol=2), "batch")
    assert "attacked" not in capfd.readouterr().out


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_out_as_they_were(order):
    array = np.asarray(RNG.integers(0, 256, (4, 6), dtype=np.uint8), order=order)
    assert np.array_equal(unpickle_plain(pickle.dumps(array, protocol=2), "array"), array)
    found = unpickle_plain(pickle.dumps({b"x": array, "y": [1, "z"]}, protocol=2), "dict")
    assert np.array_equal(found[b"x"], array)
    assert found["y"] == [1, "z"]


def write_idx(path, array, *, kind=8):
    head = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    content = head + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder, *, ending="", test="t10k", prefix="", join="-"):
    parts = {}
    for name, count in (("train", 6), (test, 4)):
        images = RNG.integers(0, 256, (count, 5, 4), dtype=np.uint8)
        labels = RNG.permutation(count).astype(np.uint8)
        write_idx(folder / f"{prefix}{name}-images{join}idx3-ubyte{ending}", images)
        write_idx(folder / f"{prefix}{name}-labels{join}idx1-ubyte{ending}", labels)
        parts[name] = (images, labels)
    return parts


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"ending": ".gz"},
        {"join": "."},
        {"prefix": "emnist-letters-", "test": "test", "ending": ".gz"},
    ],
)
def test_idx_files_are_read_under_all_their_names(tmp_path, form):
    parts = write_mnist(tmp_path, **form)
    splits = resolve_data(f"idx:{tmp_path}")
    assert_images(splits.train, *parts["train"])
    assert_images(splits.test, *parts[form.get("test", "t10k")])
    assert (splits.train.sample_shape, splits.train.n_classes) == ((1, 5, 4), 6)


def test_an_unpacked_file_stands_before_a_gzipped_one(tmp_path):
    parts = write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert_images(resolve_data(f"idx:{tmp_path}").train, *parts["train"])


def test_several_data_sets_in_one_folder_are_named(tmp_path):
    write_mnist(tmp_path)
    write_mnist(tmp_path, prefix="other-")
    with pytest.raises(DataError, match=r"several data sets: other-train-images.*name one folder"):
        resolve_data(f"idx:{tmp_path}")


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("train-labels-idx1-ubyte", None, "has no train-labels-idx1-ubyte, gzipped or not; MNIST"),
        (
            "t10k-images-idx3-ubyte",
            lambda whole: whole[:-1],
            r"kind 8 and shape \(4, 5, 4\), and 79",
        ),
        ("t10k-images-idx3-ubyte", lambda whole: whole[:6], "is damaged; get it anew"),
        ("t10k-images-idx3-ubyte", lambda whole: b"", "is damaged; get it anew"),
        ("train-labels-idx1-ubyte", lambda whole: b"\0\0\x0d" + whole[3:], "its head says kind 13"),
        ("train-images-idx3-ubyte", lambda whole: b"\x1f\x8b" + whole[2:], "damaged or no IDX"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, file, damage, message):
    write_mnist(tmp_path)
    path = tmp_path / file
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        resolve_data(f"idx:{tmp_path}")


def test_a_damaged_gzip_is_named(tmp_path):
    write_mnist(tmp_path, ending=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged; get it anew"):
        resolve_data(f"idx:{tmp_path}")


def test_idx_images_and_classes_must_go_together(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(5, dtype=np.uint8))
    with pytest.raises(DataError, match=r"of shape \(6, 5, 4\) and .* of shape \(5,\) do not go"):
        resolve_data(f"idx:{tmp_path}")


IMAGES = RNG.integers(0, 256, (10, 3, 6, 5), dtype=np.uint8)
CLASSES = np.arange(10) % 3


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (IMAGES, IMAGES),
        (IMAGES.transpose(0, 2, 3, 1), IMAGES),
        (IMAGES[:, 0], IMAGES[:, :1]),
        (IMAGES[:, 0, :, :, None], IMAGES[:, :1]),
    ],
    ids=["channels-first", "channels-last", "grey", "grey-last"],
)
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_npz_images_are_read_in_every_order(tmp_path, images, expected, names):
    arrays = (images[:6], CLASSES[:6, None], images[6:], CLASSES[6:])
    np.savez(tmp_path / "x.npz", **dict(zip(names, arrays, strict=True)))
    splits = resolve_data(f"npz:{tmp_path / 'x.npz'}")
    assert_images(splits.train, expected[:6], CLASSES[:6])
    assert_images(splits.test, expected[6:], CLASSES[6:])
    assert (splits.train.n_classes, splits.train.name) == (3, "npz:x.npz")


def test_npz_numbers_are_taken_as_they_are(tmp_path):
    numbers = RNG.normal(size=(10, 7))
    np.savez(tmp_path / "x.npz", inputs=numbers, labels=CLASSES)
    splits = resolve_data(f"npz:{tmp_path / 'x.npz'}")
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.pixels is None
    assert set(splits.train.inputs.flatten().tolist()) <= set(numbers.astype(np.float32).flatten())
    np.savez(
        tmp_path / "x.npz", x_train=numbers, y_train=CLASSES, x_test=numbers[:2], y_test=CLASSES[:2]
    )
    splits = resolve_data(f"npz:{tmp_path / 'x.npz'}")
    assert (len(splits.train), len(splits.test)) == (10, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "x.npz does not exist"),
        (b"text", "x.npz is damaged or no .npz file"),
        ({"x": CLASSES}, "has the arrays x; expected x_train and y_train or train_images and"),
        ({"x_train": np.array([{}]), "y_train": CLASSES}, "is damaged or no .npz file of plain"),
        ({"x_train": IMAGES, "y_train": CLASSES / 2}, "labels must be whole numbers, not float64"),
        ({"x_train": IMAGES, "y_train": CLASSES[:4]}, "10 inputs, but 4 labels"),
        ({"x_train": IMAGES, "y_train": CLASSES.astype(str)}, "must be whole numbers, not <U"),
        (
            {"x_train": IMAGES, "y_train": CLASSES + 10**13},
            r"x\.npz: sample 2 has label 10000000000002, expected 0 to 999999",
        ),
        ({"x_train": IMAGES, "y_train": CLASSES - 3}, r"x\.npz: sample 0 has label -3"),
        (
            {"x_train": IMAGES[:0], "y_train": CLASSES[:0]},
            r"shape \(0, 3, 6, 5\); expected some im",
        ),
        ({"x_train": IMAGES[..., :0], "y_train": CLASSES}, r"shape \(10, 3, 6, 0\); expected some"),
        ({"x_train": np.zeros((0, 2)), "y_train": CLASSES[:0]}, "x.npz: there are no samples"),
    ],
)
def test_unsound_npz_files_are_named(tmp_path, content, message):
    path = tmp_path / "x.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.savez(path, **content)
    with pytest.raises(DataError, match=message):
        resolve_data(f"npz:{path}")


@pytest.mark.parametrize("word", ["cifar10", "cifar100", "idx", "npz"])
def test_a_path_is_needed(word):
    with pytest.raises(ArgumentError, match=rf"the data '{word}' needs a path, as in {word}:PATH"):
        resolve_data(word)
