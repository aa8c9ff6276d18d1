"""Counting on bits agrees with counting on values, for every pattern of bits."""

import numpy as np
import pytest
import torch

from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.stored import FileTensor, StoredFile
from masktopo.masks.formats.tally import Tally, tally_bits, tally_values

FLOATS = [code for code, number in NUMBERS.items() if number.is_floating]


def patterns(number):
    """All patterns of 8 and 16 bits; of more, the special ones and some at random."""
    bits = 8 * number.itemsize
    if bits <= 16:
        return np.arange(2**bits).astype(number.raw)
    sign, infinity = 1 << bits - 1, number.infinity
    special = [0, 1, infinity - 1, infinity, infinity + 1]
    drawn = np.random.default_rng(0).integers(0, 2**63, 10_000, dtype=np.uint64)
    return np.array([*special, *(each | sign for each in special), *drawn], np.uint64).astype(
        number.raw
    )


@pytest.mark.parametrize("code", FLOATS)
def test_bits_and_values_agree(code):
    number = NUMBERS[code]
    raw = patterns(number)
    expected = tally_values(number.decode(raw.copy()))
    assert tally_bits(raw, number) == expected
    assert 0 < expected.faults < expected.nnz < raw.size


@pytest.mark.parametrize("code", FLOATS)
def test_values_are_those_of_torch(code):
    number = NUMBERS[code]
    raw = patterns(number)
    values = torch.from_numpy(raw.view(f"i{number.itemsize}")).view(getattr(torch, number.name))
    wide = values if number.itemsize == 8 else values.float()
    np.testing.assert_array_equal(number.decode(raw), wide.numpy())


@pytest.mark.parametrize("code", NUMBERS)
@pytest.mark.parametrize("size", [0, 1, 2**20 // 8, 2**20 + 3])
def test_blocks_cover_a_tensor(code, size, tmp_path):
    number = NUMBERS[code]
    raw = np.random.default_rng(size).integers(0, 2, size).astype(number.raw)
    (tmp_path / "numbers").write_bytes(b"head" + raw.tobytes() + b"tail")
    tensor = FileTensor((size,), number, StoredFile.at(tmp_path / "numbers"), 4)
    values = tensor.read()
    assert tensor.tally() == Tally(int(np.count_nonzero(values)), 0)
    joined = [block.copy() for block in tensor.blocks()]
    np.testing.assert_array_equal(np.concatenate([values[:0], *joined]), values)
