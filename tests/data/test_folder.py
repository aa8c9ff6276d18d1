"""Folders of images: both layouts, archives, the cache, and what is wrong with a file."""

import os
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from masktopo.data import cache, decode, folder, resolve_data
from masktopo.data.decode import ImageFile, decode_images
from masktopo.errors import ArgumentError, DataError, MasktopoWarning
from tests.data.images import write_16_bit_png, write_folder, write_image


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    monkeypatch.setenv("MASKTOPO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


def read(root):
    return resolve_data(f"folder:{root}")


def write_archive(path, root, *, top=".", links=(), form=""):
    """Write a tar archive of `root`, below `top`, with links of (name, target, kind)."""
    with tarfile.open(path, f"w:{form}") as archive:
        archive.add(root, arcname=top)
        for name, target, kind in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            archive.addfile(link)


def decoding_fails(*_):
    raise AssertionError("decoded again")


def test_images_are_read_in_the_order_of_their_names(root):
    pixels = write_folder(root)
    (root / "train" / "cat" / "notes.txt").write_text("no image")
    (root / "train" / "readme.png").write_text("of no class")
    splits = read(root)
    for part, data in (("train", splits.train), ("test", splits.test)):
        expected = [pixels[name] for name in sorted(pixels) if name.startswith(part)]
        assert data.inputs.dtype == torch.uint8
        assert np.array_equal(data.inputs.numpy(), np.stack(expected))
        assert data.labels.tolist() == [
            name.startswith(f"{part}/dog") for name in sorted(pixels) if name.startswith(part)
        ]
    assert (splits.train.n_classes, splits.train.name) == (2, "folder:images")


def test_bytes_are_normalised_by_the_training_set(root):
    write_folder(root)
    splits = read(root)
    chosen = torch.tensor([4, 0])
    inputs, labels = splits.test.batch(torch.tensor([3, 0]))
    whole = splits.train.inputs.double()
    mean = whole.mean(dim=(0, 2, 3), keepdim=True)
    deviation = whole.std(dim=(0, 2, 3), keepdim=True, correction=0)
    expected = (splits.test.inputs[[3, 0]] - mean) / deviation
    assert inputs.dtype == torch.float32
    torch.testing.assert_close(inputs.double(), expected, rtol=1e-6, atol=1e-6)
    assert labels.tolist() == [1, 0]
    normalised = splits.train.batch(chosen)[0]
    assert torch.equal(normalised, splits.train.normalised(splits.train.inputs[chosen]))


def test_subsets_and_moves_keep_the_normalisation(root):
    write_folder(root)
    data = read(root).train
    part = data.subset(np.array([5, 1])).to(torch.device("cpu"))
    assert part.pixels == data.pixels
    assert torch.equal(part.batch(torch.tensor([0]))[0], data.batch(torch.tensor([5]))[0])
    assert part.digest != data.subset(np.array([1, 5])).digest


def test_an_archive_is_read_as_the_folder_is(root, tmp_path):
    write_folder(root)
    archive = tmp_path / "images.tar.xz"
    write_archive(archive, root, form="xz")
    assert read(archive).train.digest == read(root).train.digest
    assert read(archive).test.digest == read(root).test.digest


@pytest.mark.parametrize("top", ["images", "./images", "train.d"])
def test_an_archive_may_hold_the_folder_by_name(root, tmp_path, top):
    write_folder(root)
    write_archive(tmp_path / "x.tar", root, top=top)
    assert read(tmp_path / "x.tar").train.digest == read(root).train.digest
    assert read(tmp_path / "x.tar").test.digest == read(root).test.digest


def test_tiny_imagenet_is_read_from_an_archive_that_holds_it_by_name(root, tmp_path):
    write_folder(root, test=0)
    write_image(root / "val" / "images" / "0.png", 3)
    (root / "val" / "val_annotations.txt").write_text("0.png\tdog")
    write_archive(tmp_path / "x.tar", root, top="tiny-imagenet-200")
    with pytest.warns(MasktopoWarning, match="of 1 of its 2 classes"):
        assert read(tmp_path / "x.tar").test.labels.tolist() == [1]


def test_a_part_at_the_top_of_an_archive_is_no_folder_around_the_parts(root, tmp_path):
    write_image(root / "train" / "a.png", 1)
    write_image(root / "val" / "b.png", 2)
    write_archive(tmp_path / "x.tar", root, top="train")
    with pytest.warns(MasktopoWarning, match="no images below test/CLASS/ or val/CLASS/"):
        splits = read(tmp_path / "x.tar")  # train/train/a.png and train/val/b.png: two classes
    assert splits.train.n_classes == 2


@pytest.mark.parametrize("top", ["test", "val", "a/b"])
def test_what_lies_elsewhere_in_an_archive_is_not_found(root, tmp_path, top):
    write_folder(root)
    write_archive(tmp_path / "x.tar", root, top=top)
    with pytest.raises(DataError, match=r"x\.tar.* has no images below train/CLASS/"):
        read(tmp_path / "x.tar")


def test_of_an_archive_with_several_folders_at_the_top_none_is_taken(root, tmp_path):
    write_folder(root / "a")
    write_image(root / "b" / "0.png", 1)
    write_archive(tmp_path / "x.tar", root)
    with pytest.raises(DataError, match=r"x\.tar has no images below train/CLASS/"):
        read(tmp_path / "x.tar")


def test_a_folder_around_the_folder_is_not_looked_through(root):
    write_folder(root / "a")
    with pytest.raises(DataError, match=r"images has no images below train/CLASS/"):
        read(root)


def test_tiny_imagenet_is_read_with_its_annotations(root):
    for label, name in enumerate(("n01", "n02")):
        write_image(root / "train" / name / "images" / f"{name}_0.png", label)
        (root / "train" / name / f"{name}_boxes.txt").write_text("")
    validation = [write_image(root / "val" / "images" / f"val_{i}.png", 10 + i) for i in range(3)]
    write_image(root / "test" / "images" / "test_0.png", 99)
    lines = [f"val_{i}.png\t{name}\t0\t0\t9\t9\n" for i, name in enumerate(("n02", "n01", "n02"))]
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    splits = read(root)
    assert splits.train.labels.tolist() == [0, 1]
    assert splits.test.labels.tolist() == [1, 0, 1]
    assert np.array_equal(splits.test.inputs.numpy(), np.stack(validation))


def test_the_folder_val_serves_where_there_is_no_test(root):
    write_folder(root)
    (root / "test").rename(root / "val")
    assert len(read(root).test) == 4


def test_without_a_test_set_a_fifth_is_held_out(root):
    write_folder(root, train=5, test=0)
    for _ in range(2):  # from the cache, too
        with pytest.warns(MasktopoWarning, match="a fifth of the training images is held out"):
            splits = read(root)
    assert (len(splits.train), splits.test.labels.tolist()) == (8, [0, 1])


def test_grey_images_among_coloured_ones_get_three_channels(root):
    write_folder(root)
    grey = write_image(root / "train" / "cat" / "9.png", 5, mode="L")
    assert np.array_equal(read(root).train.inputs[3].numpy(), np.repeat(grey, 3, axis=0))
    images = decode_images([ImageFile("a", root / "train" / "cat" / "9.png")])
    assert images.shape == (1, 1, 6, 5)
    both = [root / "train" / "cat" / name for name in ("9.png", "0.png")]
    images = decode_images([ImageFile(str(path), path) for path in both])
    assert np.array_equal(images[0], np.repeat(grey, 3, axis=0))


@pytest.mark.parametrize("mode", ["RGBA", "P", "1"])
def test_other_kinds_of_pixels_are_converted(root, mode):
    write_image(root / "x.png", 1, mode=mode if mode != "P" else "L")
    images = decode_images([ImageFile("x", root / "x.png")])
    assert images.shape == (1, 3 if mode == "RGBA" else 1, 6, 5)


WIDE = np.array([[0, 255, 256], [32768, 65535, 4660]])


@pytest.mark.parametrize(
    ("form", "kind"), [("PNG", "<u2"), ("TIFF", ">u2"), ("TIFF", "<i4"), ("PPM", "<u2")]
)
def test_the_upper_half_of_16_bits_is_taken(tmp_path, form, kind):
    Image.fromarray(WIDE.astype(kind)).save(tmp_path / "x.png", format=form)
    images = decode_images([ImageFile("x", tmp_path / "x.png")])
    assert images.dtype == np.uint8
    assert images.tolist() == [[[[0, 0, 1], [128, 255, 18]]]]


def test_16_bits_come_out_alike_in_grey_and_in_colour(tmp_path):
    Image.fromarray(WIDE.astype(np.uint16)).save(tmp_path / "grey.png")
    write_16_bit_png(tmp_path / "colour.png", np.repeat(WIDE[:, :, None], 3, axis=2))
    grey, colour = decode_images(
        [ImageFile(name, tmp_path / f"{name}.png") for name in ("grey", "colour")]
    )
    assert np.array_equal(grey, colour)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.array([[0, 65536]], dtype=np.int32), "cat has int32 pixels from 0 to 65536; expected"),
        (np.array([[-1, 5]], dtype=np.int32), "cat has int32 pixels from -1 to 5; expected whole"),
        (np.array([[0.5, 1]], dtype=np.float32), r"cat has float32 pixels from 0\.5 to 1\.0"),
    ],
)
def test_pixels_that_are_no_16_bits_are_named(tmp_path, pixels, message):
    Image.fromarray(pixels).save(tmp_path / "x.png", format="TIFF")
    with pytest.raises(DataError, match=message):
        decode_images([ImageFile("cat", tmp_path / "x.png")])


def test_many_images_are_decoded_by_several_processes_alike(root, monkeypatch):
    write_folder(root, train=7, test=0)
    files = [ImageFile(str(path), path) for path in sorted(root.rglob("*.png"))]
    alone = decode_images(files)
    monkeypatch.setattr(decode, "_CHUNK", 5)
    monkeypatch.setattr(decode, "_ALONE", 2)
    assert np.array_equal(decode_images(files), alone)


def test_decoded_images_are_kept_until_a_file_changes(root, own_cache, monkeypatch):
    write_folder(root)
    first = read(root)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "decode_images", decoding_fails)
        assert read(root).train.digest == first.train.digest
        os.utime(root / "train" / "cat" / "0.png", ns=(1, 1))
        with pytest.raises(AssertionError, match="decoded again"):
            read(root)
    assert len(list(own_cache.iterdir())) == 1


def write_bitmaps(root, first):
    """Write images whose names, sizes and times of modification are the same for every `first`."""
    write_folder(root, ending="bmp", first=first)
    for path in root.rglob("*.bmp"):
        os.utime(path, ns=(1, 1))


def kept_facts(root):
    """What of the images no `first` changes."""
    found = [(path, path.stat()) for path in sorted(root.rglob("*.bmp"))]
    return [(path.relative_to(root), one.st_size, one.st_mtime_ns) for path, one in found]


def test_folders_of_equal_names_sizes_and_times_give_their_own_images(tmp_path):
    roots = [tmp_path / "one", tmp_path / "two"]
    for first, root in enumerate(roots):
        write_bitmaps(root, 10_000 * first)
    assert kept_facts(roots[0]) == kept_facts(roots[1])
    assert read(roots[0]).train.digest != read(roots[1]).train.digest


def test_images_that_are_replaced_under_their_old_time_are_decoded(root, tmp_path):
    write_bitmaps(root, 0)
    write_bitmaps(tmp_path / "new", 10_000)
    before, facts = read(root).train.digest, kept_facts(root)
    for path in root.rglob("*.bmp"):
        (tmp_path / "new" / path.relative_to(root)).replace(path)
    assert kept_facts(root) == facts
    assert read(root).train.digest != before


def test_an_image_that_is_written_in_place_under_its_old_time_is_decoded(root):
    write_bitmaps(root, 0)
    before, facts = read(root).train.digest, kept_facts(root)
    path = root / "train" / "cat" / "0.bmp"
    inode, changed = path.stat().st_ino, path.stat().st_ctime_ns
    content = path.read_bytes()
    while path.stat().st_ctime_ns == changed:  # clocks of file systems tick every few ms
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 255]) + content[-1:])
        os.utime(path, ns=(1, 1))
    assert kept_facts(root) == facts
    assert path.stat().st_ino == inode
    assert read(root).train.digest != before


def test_images_that_an_older_decoder_kept_are_decoded_anew(root, monkeypatch):
    write_folder(root)
    read(root)
    monkeypatch.setattr(folder, "DECODER_VERSION", folder.DECODER_VERSION + 1)
    monkeypatch.setattr(folder, "decode_images", decoding_fails)
    with pytest.raises(AssertionError, match="decoded again"):
        read(root)


@pytest.mark.parametrize("damage", [lambda whole: whole[:200], lambda whole: flipped(whole)])
def test_a_damaged_cache_is_made_again(root, own_cache, damage):
    write_folder(root)
    first = read(root)
    (kept,) = own_cache.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert read(root).train.digest == first.train.digest


def flipped(whole):
    """Change one byte of the first image, which only the checksum can tell."""
    place = whole.index(b"train_images") + 400
    return whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]


def test_a_cache_that_cannot_be_written_is_said(root, tmp_path, monkeypatch):
    write_folder(root)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKTOPO_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(MasktopoWarning, match="cannot be kept in .*MASKTOPO_CACHE"):
        assert len(read(root).train) == 6


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "masktopo"),
        ("win32", "LOCALAPPDATA", "masktopo/Cache"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    monkeypatch, tmp_path, platform, variable, expected
):
    monkeypatch.delenv("MASKTOPO_CACHE")
    monkeypatch.setattr(cache.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache.cache_folder() == tmp_path / expected


def test_a_damaged_image_is_named(root):
    write_folder(root)
    (root / "test" / "dog" / "1.png").write_bytes(b"\x89PNG nothing more")
    with pytest.raises(DataError, match=r"test.dog.1\.png is damaged or no image; put a whole"):
        read(root)


def test_an_image_of_another_size_is_named(root):
    write_folder(root)
    write_image(root / "train" / "dog" / "1.png", 3, size=(5, 6))
    with pytest.raises(DataError, match=r"dog.1\.png has 5x6 pixels .*cat.0\.png has 6x5; all"):
        read(root)


def test_classes_without_training_images_are_named(root):
    write_folder(root)
    write_image(root / "test" / "owl" / "0.png", 3)
    with pytest.raises(DataError, match="no training images of owl, which the test part has"):
        read(root)


@pytest.mark.parametrize("line", ["val_0.png", "val_7.png\tcat\t0"])
def test_annotations_that_lead_nowhere_are_named(root, line):
    write_folder(root, test=0)
    write_image(root / "val" / "images" / "val_0.png", 3)
    (root / "val" / "val_annotations.txt").write_text(line)
    with pytest.raises(DataError, match=r"val_annotations.txt, line 1: expected a file of val/im"):
        read(root)


def test_folders_without_images_say_what_is_expected(root):
    root.mkdir()
    with pytest.raises(DataError, match=r"images has no images below train/CLASS/ .*Tiny-ImageNe"):
        read(root)


def test_what_is_missing_or_no_archive_is_named(root, tmp_path):
    with pytest.raises(DataError, match="images does not exist; expected a folder or a tar"):
        read(root)
    (tmp_path / "images").write_text("text")
    with pytest.raises(DataError, match="images is damaged or no tar archive"):
        read(root)
    with pytest.raises(ArgumentError, match="needs a path, as in folder:PATH"):
        resolve_data("folder")


def test_a_truncated_archive_is_named(root, tmp_path):
    write_folder(root)
    archive = tmp_path / "images.tar.xz"
    write_archive(archive, root, form="xz")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"images.tar.xz is damaged or no tar archive"):
        read(archive)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("gone.png", r"cat.link\.png cannot be read: No such file or directory; expected a file"),
        ("link.png", r"cat.link\.png cannot be read: Too many levels of symbolic links"),
        ("..", r"cat.link\.png leads back to .*train, which it lies in; expected no circle"),
    ],
)
def test_links_that_lead_nowhere_are_named(root, target, message):
    write_folder(root)
    (root / "train" / "cat" / "link.png").symlink_to(target)
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
@pytest.mark.parametrize("target", ["gone.png", "../../outside.png"])
def test_links_of_an_archive_that_lead_nowhere_are_named(root, tmp_path, kind, target):
    write_folder(root)
    write_archive(tmp_path / "x.tar", root, links=[("train/cat/link.png", target, kind)])
    message = rf"x\.tar.train/cat/link\.png is a link to {target}, which leads to no file"
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x.tar")


def test_links_of_an_archive_in_a_circle_are_named(root, tmp_path):
    write_folder(root)
    links = [("a.png", "b.png", tarfile.SYMTYPE), ("b.png", "a.png", tarfile.SYMTYPE)]
    write_archive(tmp_path / "x.tar", root, links=links)
    with pytest.raises(DataError, match=r"x\.tar.a\.png is a link to b\.png, which leads to no"):
        read(tmp_path / "x.tar")


def test_links_within_an_archive_are_followed(root, tmp_path):
    write_folder(root)
    links = [("train/dog/link.png", "./train/dog/0.png", tarfile.LNKTYPE)]
    write_archive(tmp_path / "x.tar", root, links=links)
    inputs = read(tmp_path / "x.tar").train.inputs
    assert (len(inputs), torch.equal(inputs[3], inputs[6])) == (7, True)


def test_links_to_files_and_folders_are_followed(root, tmp_path):
    write_folder(tmp_path / "elsewhere")
    root.mkdir()
    (root / "train").symlink_to(tmp_path / "elsewhere" / "train")
    (root / "test" / "dog").mkdir(parents=True)
    (root / "test" / "dog" / "0.png").symlink_to(tmp_path / "elsewhere" / "test" / "dog" / "0.png")
    with pytest.warns(MasktopoWarning, match="test images of 1 of its 2 classes alone"):
        splits = read(root)
    assert (len(splits.train), splits.test.labels.tolist()) == (6, [1])


def test_a_test_set_of_plain_numbers_does_not_go_with_images(root):
    write_folder(root)
    numbers = (np.zeros((2, 3, 6, 5)), np.array([0, 1]))
    with pytest.raises(DataError, match="are not normalised alike"):
        resolve_data(f"folder:{root}", test=numbers)
