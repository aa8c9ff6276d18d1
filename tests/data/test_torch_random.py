"""Seeded generators, and the fence around torch's global state."""

import pytest
import torch

from masktopo.data.torch_random import fenced_torch_rng, reseed_torch, torch_stream


def test_streams_differ_by_seed_and_key():
    draws = {
        float(torch.rand(1, generator=torch_stream(*key)))
        for key in [(0,), (1,), (0, 0), (0, 1), (0, 1, 0)]
    }
    assert len(draws) == 5


def draw_and_fail():
    reseed_torch(3)
    return torch.rand(1) @ torch.zeros(2)


def test_the_global_state_comes_back_even_after_an_error():
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="size"), fenced_torch_rng():
        draw_and_fail()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_reseeding_fixes_global_draws():
    with fenced_torch_rng():
        draws = []
        for key in (0, 0, 1):
            reseed_torch(5, key)
            draws.append(float(torch.rand(1)))
    assert draws[0] == draws[1] != draws[2]
