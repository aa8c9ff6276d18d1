"""CIFAR-10 as JPEGs, where it is at hand."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from masktopo.data.decode import ImageFile, decode_images
from masktopo.data.filetree import open_tree
from masktopo.data.folder import _by_folder, _test_files

FOLDER = Path(os.environ.get("MASKTOPO_DATA", Path(__file__).parents[3] / "shared" / "data"))
ARCHIVE = FOLDER / "cifar10-images.tar.xz"


@pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"{ARCHIVE.name} is not at hand: MASKTOPO_DATA")
def test_the_archive_holds_ten_classes_of_small_images():
    tree = open_tree(ARCHIVE)
    train, test = _by_folder(tree, "train"), _test_files(tree)
    assert set(Counter(train.values()).values()) == {5000}
    assert set(Counter(test.values()).values()) == {1000}
    assert sorted(set(train.values())) == sorted(set(test.values()))
    some = list(train)[::500]
    images = decode_images([ImageFile(name, tree.files[name]) for name in some])
    assert images.shape == (100, 3, 32, 32)
    # Photographs: neither black nor noise.
    assert 90 < images.mean() < 150
    neighbours = np.abs(np.diff(images.astype(int), axis=-1)).mean()
    assert neighbours < images.std() / 2
