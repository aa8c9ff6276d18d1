import copy
import os
import time

import numpy as np
import pytest
import torch
from torch import nn

from masktopo.data import TensorData
from masktopo.errors import ArgumentError, PruningError, RunError
from masktopo.pruning import pool as pool_module
from masktopo.pruning.choose import choose
from masktopo.pruning.pool import fill_pool, pool_batches, pool_bytes
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe

OPTIONS = [
    ("snip", {}),
    ("snip", {"scope": "layer", "train_mode": True}),
    ("snip-iterative", {"rounds": 3}),
    ("grasp", {}),
]


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((90, 3, 6, 6), generator=generator)
    return TensorData(inputs, torch.arange(90) % 4, 4, "made up")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)
    )


def problem(model, data, method="snip", **options):
    return Problem(model, Recipe(method, density=0.2, batch_size=8, **options), data)


@pytest.mark.parametrize(("method", "options"), OPTIONS)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_pool_gives_the_masks_of_the_same_batches_drawn_afresh(
    model, data, tmp_path, method, options, in_file
):
    asked = problem(model, data, method, **options)
    pool = fill_pool(asked, 7, 6, file=tmp_path / "pool.npy" if in_file else None)
    assert pool.gradients.nbytes == pool_bytes(asked, 6)
    masks = []
    for index in range(1, 5):
        draw = Draw(7, index, batches=3, pool=6)
        pooled, fresh = choose(asked, draw, pool), choose(asked, draw)
        np.testing.assert_array_equal(pooled.scores, fresh.scores)
        np.testing.assert_array_equal(pooled.kept, fresh.kept)
        masks.append(pooled.kept.tobytes())
    assert len(set(masks)) > 1


def test_a_sample_takes_batches_of_the_pool_without_repetition(model, data, monkeypatch):
    asked = problem(model, data)
    pool = [tuple(indices) for indices in pool_batches(data, 8, 6, 7).indices]
    assert len({sample for batch in pool for sample in batch}) == 48
    seen = []
    monkeypatch.setattr(
        "masktopo.pruning.scene.summed_gradients",
        lambda network, weights, batches, **_: (
            seen.append([tuple(indices) for indices in batches.indices])
            or [torch.ones_like(weight) for weight in weights]
        ),
    )
    for index in range(1, 9):
        choose(asked, Draw(7, index, batches=4, pool=6))
    assert all(len(set(batches)) == 4 and set(batches) <= set(pool) for batches in seen)
    assert len({frozenset(batches) for batches in seen}) > 1


def test_the_whole_ticket_does_not_come_from_the_pool(model, data):
    asked = problem(model, data)
    pool = fill_pool(asked, 7, 6)
    np.testing.assert_array_equal(choose(asked, Draw(7), pool).kept, choose(asked, Draw(7)).kept)


def test_a_complete_file_is_taken_and_an_incomplete_one_is_not(model, data, tmp_path, monkeypatch):
    asked, file = problem(model, data), tmp_path / "pool.npy"
    for name, minutes in ((".pool.npy.abandons", 20), (".pool.npy.xgoingon", 0)):
        (tmp_path / name).write_bytes(b"half a pool")
        os.utime(tmp_path / name, (time.time() - 60 * minutes,) * 2)
    first = fill_pool(asked, 7, 6, file=file)
    assert {path.name for path in tmp_path.iterdir()} == {"pool.npy", ".pool.npy.xgoingon"}
    monkeypatch.setattr("masktopo.pruning.pool.batch_gradients", None)
    again = fill_pool(asked, 7, 6, file=file)
    np.testing.assert_array_equal(first.gradients, again.gradients)
    assert isinstance(again.gradients, np.memmap)


def test_a_file_that_another_shard_wrote_meanwhile_stays(model, data, tmp_path, monkeypatch):
    asked, file = problem(model, data), tmp_path / "pool.npy"
    fill_pool(asked, 7, 6, file=file)
    other, taken = file.read_bytes(), fill_pool(asked, 7, 6).gradients
    file.unlink()
    flat_gradients = pool_module._flat_gradients

    def be_late(*args, **options):
        yield from flat_gradients(*args, **options)
        file.write_bytes(other)
        before.append(file.stat().st_ino)

    before = []
    monkeypatch.setattr(pool_module, "_flat_gradients", be_late)
    np.testing.assert_array_equal(fill_pool(asked, 7, 6, file=file).gradients, taken)
    assert [file.stat().st_ino] == before
    assert [path.name for path in tmp_path.iterdir()] == ["pool.npy"]


def test_a_file_of_another_pool_is_refused(model, data, tmp_path):
    file = tmp_path / "pool.npy"
    fill_pool(problem(model, data), 7, 6, file=file)
    with pytest.raises(RunError, match=r"pool\.npy is of float32 and shape \(6, 546\); expected"):
        fill_pool(problem(model, data), 7, 5, file=file)
    with pytest.raises(RunError, match=r"expected float64 and \(6, 546\)"):
        fill_pool(problem(copy.deepcopy(model).double(), data), 7, 6, file=file)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("in_file", [False, True])
def test_weights_of_any_float_dtype(model, data, tmp_path, dtype, in_file):
    asked = problem(copy.deepcopy(model).to(dtype), data)
    pool = fill_pool(asked, 7, 6, file=tmp_path / "pool.npy" if in_file else None)
    size = {torch.float64: 8, torch.float16: 2, torch.bfloat16: 4}[dtype]
    assert pool.gradients.nbytes == pool_bytes(asked, 6) == 6 * 546 * size
    for index in (1, 2):
        draw = Draw(7, index, batches=3, pool=6)
        np.testing.assert_array_equal(choose(asked, draw, pool).scores, choose(asked, draw).scores)


def test_bounds(model, data):
    with pytest.raises(ArgumentError, match="a pool of 2 batches gives no 3 of them"):
        Draw(0, 1, batches=3, pool=2)
    with pytest.raises(PruningError, match="need 96 samples, but made up has 90"):
        fill_pool(problem(model, data), 0, 12)


def test_the_model_is_left_as_it_was_found(model, data):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    fill_pool(problem(model, data, train_mode=True), 0, 6)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
