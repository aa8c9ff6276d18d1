"""Images in folders, one folder a class, decoded once and cached."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from masktopo._check import join_names
from masktopo.data.cache import cached_arrays
from masktopo.data.decode import DECODER_VERSION, ImageFile, decode_images
from masktopo.data.filetree import FileTree, open_tree
from masktopo.data.images import image_splits
from masktopo.data.splits import DataSplits
from masktopo.errors import ArgumentError, DataError, MasktopoWarning

__all__ = ["folder"]

_ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
_PARTS = ("train", "test", "val")
_ANNOTATIONS = "val/val_annotations.txt"


def folder(details: str) -> DataSplits:
    """Return the images below a folder, by class.

    Parameters
    ----------
    details : str
        Path of a folder, or of a tar archive of one, which is read without unpacking it; the
        folder's own name may stand in front of all names of the archive. Images of the training
        set lie below ``train/CLASS/``, at any depth; those of the test set below ``test/CLASS/``
        or, where there is no such folder, ``val/CLASS/``. In Tiny-ImageNet's layout
        ``val/val_annotations.txt`` says the classes of ``val/images/``, and ``test``, which has
        no labels, is left aside. Without a test set a fixed, stratified fifth is held out.

    Returns
    -------
    DataSplits
        Bytes of shape (n, channels, height, width), classes in the order of their names. They
        are centred and scaled by mean and deviation of the training set, channel by channel.
        Decoded images are kept in `cache_folder`; they are decoded anew where a file was written,
        replaced, added or removed since, or the folder moved.

    Raises
    ------
    DataError
        If a folder or file is missing, damaged or of another size than the others; it is named.

    Warns
    -----
    MasktopoWarning
        If there is no test set, or one without some of the classes.
    """
    if not details:
        raise ArgumentError("the data 'folder' needs a path, as in folder:PATH")
    tree = open_tree(Path(details).expanduser())
    name = f"images-{DECODER_VERSION}-{tree.fingerprint[:32]}"
    arrays = cached_arrays(name, lambda: _decode_tree(tree))
    _warn_of_test(tree.path, arrays)
    parts = [
        (arrays[f"{part}_images"], arrays[f"{part}_labels"])
        for part in ("train", "test")
        if f"{part}_images" in arrays
    ]
    return image_splits(f"folder:{tree.path.name}", *parts, n_classes=int(arrays["n_classes"]))


def _warn_of_test(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Warn where the test set is not what one would take it for: a name may be misspelt."""
    n_classes = int(arrays["n_classes"])
    if "test_labels" not in arrays:
        lack = (
            "no images below test/CLASS/ or val/CLASS/; a fifth of the training images is held out"
        )
    elif (n_tested := len(np.unique(arrays["test_labels"]))) < n_classes:
        lack = f"test images of {n_tested} of its {n_classes} classes alone"
    else:
        return
    warnings.warn(f"{path} has {lack}", MasktopoWarning, stacklevel=2)


def _decode_tree(tree: FileTree) -> dict[str, NDArray[np.generic]]:
    """Decode both sets of images."""
    tree = _without_top(tree)
    train = _by_folder(tree, "train")
    if not train:
        raise DataError(
            f"{tree.path} has no images below train/CLASS/ (endings {', '.join(_ENDINGS)}); "
            "expected train/CLASS/*.jpg and test/CLASS/*.jpg, or the layout of Tiny-ImageNet"
        )
    classes = sorted(set(train.values()))
    arrays = {"n_classes": np.array(len(classes)), **_decoded("train", tree, train, classes)}
    test = _test_files(tree)
    if test:
        arrays |= _decoded("test", tree, test, classes)
    return arrays


def _without_top(tree: FileTree) -> FileTree:
    """Return what is below the one folder at the top of an archive, unless that is a part.

    ``tar cf pics.tar pics`` makes such archives. A folder's path can name the one below instead.
    """
    tops = {name.partition("/")[0] for name in tree.files}
    if tree.path.is_dir() or len(tops) != 1 or tops & {*_PARTS}:
        return tree
    return tree.below(*tops)


def _test_files(tree: FileTree) -> dict[str, str]:
    """Return the files of the test set with their classes."""
    if _ANNOTATIONS in tree.files:
        return _by_annotation(tree)
    return _by_folder(tree, "test") or _by_folder(tree, "val")


def _by_folder(tree: FileTree, part: str) -> dict[str, str]:
    """Return the images below ``part/CLASS/`` with their classes."""
    found = {}
    for name in tree.files:
        parts = PurePosixPath(name).parts
        if len(parts) > 2 and parts[0] == part and name.lower().endswith(_ENDINGS):
            found[name] = parts[1]
    return found


def _by_annotation(tree: FileTree) -> dict[str, str]:
    """Return the images of ``val/images`` with the classes that Tiny-ImageNet's list gives."""
    found = {}
    for number, line in enumerate(tree.read(_ANNOTATIONS).decode().splitlines(), start=1):
        name, _, rest = line.partition("\t")
        if not rest or f"val/images/{name}" not in tree.files:
            raise DataError(
                f"{tree.path / _ANNOTATIONS}, line {number}: expected a file of val/images and "
                f"its class, not {line[:80]!r}; get the data set anew if files are missing"
            )
        found[f"val/images/{name}"] = rest.partition("\t")[0]
    return found


def _decoded(
    part: str, tree: FileTree, classes_of: Mapping[str, str], classes: list[str]
) -> dict[str, NDArray[np.generic]]:
    """Decode the images of one part, in the order of their names."""
    unknown = sorted(set(classes_of.values()) - set(classes))
    if unknown:
        raise DataError(
            f"{tree.path}: there are no training images of {join_names(unknown)}, which the "
            f"{part} part has"
        )
    place: Callable[[str], int] = {name: label for label, name in enumerate(classes)}.__getitem__
    files = [ImageFile(str(tree.path / name), tree.files[name]) for name in classes_of]
    return {
        f"{part}_images": decode_images(files),
        f"{part}_labels": np.array([place(name) for name in classes_of.values()]),
    }
