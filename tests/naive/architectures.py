"""Small random networks that between them use every operation which section 1 speaks of."""

import numpy as np
import torch
from torch import nn

from tests.naive.blocks import Ends
from tests.naive.drawing import block, chain, choose
from tests.naive.joint_builders import JOINTS, MIXED, projected_skip, residual, triple
from tests.naive.plain_builders import (
    LAYERS,
    MAPS,
    PLAIN,
    activation,
    average_pool,
    flatten,
    linear,
)

INPUTS = [
    (1, 6),
    (1, 2, 7),
    (1, 4, 4),
    (1, 3, 2),
    (1, 2, 4, 5),
    (1, 1, 6, 4),
    (1, 3, 4, 4),
    (1, 1, 3, 4, 3),
    (1, 2, 3, 2, 4),
]


def trunk(rng):
    """Draw an input and the blocks behind it, of which the first is a layer half of the time."""
    shape = choose(rng, INPUTS)
    first, after = chain(rng, shape, 1, LAYERS) if rng.random() < 0.5 else ([], shape)
    maps, after = chain(rng, after, int(rng.integers(0, 3)) * (len(shape) > 2), MAPS)
    plain, after = chain(rng, after, int(rng.integers(0, 3)), PLAIN)
    mixed, after = block(rng, after, MIXED)
    rest, after = chain(rng, after, int(rng.integers(0, 3)), PLAIN + MIXED)
    return nn.Sequential(*first, *maps, *plain, mixed, *rest), shape, after


def word_trunk(rng):
    """Draw an embedding and the blocks behind it."""
    rows, width, length = (int(number) for number in rng.integers(2, 5, 3))
    shape = (1, length, width)
    rest, after = chain(rng, shape, int(rng.integers(1, 3)), PLAIN + MIXED)
    return nn.Sequential(nn.Embedding(rows, width), *rest), (1, length), after


def draw(rng, words):
    module, shape, after = word_trunk(rng) if words else trunk(rng)
    example = torch.zeros(shape, dtype=torch.int64) if words else torch.zeros(shape)
    return module, example, after


def ending(rng, shape):
    """Draw what makes the output: mostly a linear head, else a join or a pooled layer."""
    kind = rng.random()
    if kind < 0.15:
        return block(rng, shape, [projected_skip, triple, residual, linear])[0]
    if kind < 0.3:
        layer, after = block(rng, shape, LAYERS)
        return nn.Sequential(layer, *chain(rng, after, 1, [average_pool, activation, flatten])[0])
    flat = nn.Linear(int(np.prod(shape)), int(rng.integers(1, 4)))
    tail = choose(rng, [nn.Identity(), nn.ReLU(), nn.Softmax(-1)])
    return nn.Sequential(nn.Flatten(), flat, tail)


def random_masks(program, seed):
    """Draw 0/1 arrays for all weights of an exported program, of any density."""
    rng = np.random.default_rng([seed, 1])
    densities = [0.0, 0.3, 0.6, 0.9, 1.0]
    return {
        layer: rng.random(program.constants[at].shape)
        < rng.choice(densities, p=[0.03, 0.27, 0.3, 0.2, 0.2])
        for at, layer in program.layers.items()
    }


def random_weights(masks, seed):
    """Draw weights for masks, in float64."""
    rng = np.random.default_rng([seed, 2])
    return {layer: rng.normal(size=mask.shape) * mask for layer, mask in masks.items()}


def random_architecture(seed):
    """Draw a network and an example input (a tensor, or a tuple of tensors).

    Most have one input and one output; some several. Every output is a layer's, or made of
    layers' outputs.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    count = 2 if rng.random() < 0.2 else 1
    trunks = [draw(rng, words=rng.random() < 0.1) for _ in range(count)]
    same = len({after for _, _, after in trunks}) == 1
    sizes = [int(np.prod(after)) for _, _, after in trunks]
    after = trunks[0][2] if same else (1, sum(sizes))
    ends = [ending(rng, after) for _ in range(2 if rng.random() < 0.3 else 1)]
    join = choose(rng, JOINTS) if same else None
    model = Ends([module for module, _, _ in trunks], join, ends).eval()
    examples = tuple(example for _, example, _ in trunks)
    return model, examples if count > 1 else examples[0]
