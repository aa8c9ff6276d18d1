"""Attention, fused or written out, in both encodings."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from masktopo.errors import WiringError
from masktopo.graphs.build import multipartite
from masktopo.graphs.tracing import trace
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

TOKENS, HEADS, WIDTH = 4, 2, 3


class Heads(nn.Module):
    """Queries, keys and values of two heads, mixed as `attend` does it."""

    def __init__(self, attend):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, HEADS * WIDTH) for _ in range(3))
        self.out = nn.Linear(HEADS * WIDTH, 6)
        self.attend = attend
        self.register_buffer("low", torch.ones(TOKENS, TOKENS).triu(1) * -1e9)

    def forward(self, x):
        shape = x.shape[0], x.shape[1], HEADS, WIDTH
        q, k, v = (layer(x).view(shape).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return self.out(self.attend(self, q, k, v).transpose(1, 2).flatten(2))


def fused(model, q, k, v):
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def fused_with_mask(model, q, k, v):
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=model.low == 0)


def written_out(model, q, k, v):
    scores = q @ k.transpose(-2, -1) / WIDTH**0.5
    return torch.softmax(scores + model.low, -1) @ v


def filled(model, q, k, v):
    scores = (q * WIDTH**-0.5) @ k.transpose(-2, -1)
    allowed = torch.tril(torch.ones(TOKENS, TOKENS, dtype=torch.bool))
    return functional.dropout(scores.masked_fill(~allowed, float("-inf")).softmax(-1), 0.1) @ v


def chosen(model, q, k, v):
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k)
    scores = torch.where(model.low == 0, scores, torch.finfo(scores.dtype).min)
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v)


CAUSAL = [fused, fused_with_mask, written_out, filled, chosen]


def dense_blocks(model, encoding, **options):
    """Return a matrix for each mixing block: from Q, K and V in this order of names."""
    x = torch.zeros(1, TOKENS, 6)
    layers = [LayerMask(name, np.ones((6, 6), bool)) for name in ("q", "k", "v", "out")]
    graph = multipartite(
        MaskSet(layers), model=model, example_input=x, encoding=encoding, **options
    )
    found = {}
    for block in graph.blocks:
        if block.mark == "mixing":
            edges = block.edges
            matrix = np.zeros((edges.n_left, edges.n_right))
            rows = np.repeat(np.arange(edges.n_left), edges.out_degrees)
            matrix[rows, edges.indices] = edges.factors("multiplicity")
            found[block.source] = (matrix, block.on_paths)
    return found


@pytest.mark.parametrize("attend", CAUSAL)
def test_causal_attention_is_recognised_however_it_is_written(attend):
    found = dense_blocks(Heads(attend), "unrolled")
    token = np.arange(TOKENS)[:, None, None]
    head = np.arange(HEADS)[None, :, None]
    width = np.arange(WIDTH)[None, None]
    left = [
        np.broadcast_to(each, (TOKENS, HEADS, WIDTH)).reshape(-1, 1)
        for each in (token, head, width)
    ]
    # The target is laid out (head, token, channel), its sources (token, head, channel).
    right = [
        np.broadcast_to(each, (TOKENS, HEADS, WIDTH)).transpose(1, 0, 2).reshape(1, -1)
        for each in (token, head, width)
    ]
    same_head, same_width = left[1] == right[1], left[2] == right[2]
    allowed, same_token = left[0] <= right[0], left[0] == right[0]
    np.testing.assert_array_equal(found["v"][0], same_head & same_width & allowed)
    np.testing.assert_array_equal(found["q"][0], same_head & same_token)
    np.testing.assert_array_equal(found["k"][0], same_head & allowed)
    assert {name: on_paths for name, (_, on_paths) in found.items()} == {
        "q": False,
        "k": False,
        "v": True,
    }


@pytest.mark.parametrize("attend", CAUSAL)
def test_channels_attend_within_their_head(attend):
    found = dense_blocks(Heads(attend), "channel")
    heads = np.kron(np.eye(HEADS), np.ones((WIDTH, WIDTH)))
    np.testing.assert_array_equal(found["v"][0], np.eye(HEADS * WIDTH))
    np.testing.assert_array_equal(found["q"][0], heads)
    np.testing.assert_array_equal(found["k"][0], heads)


def test_the_multihead_module_is_the_same_with_and_without_weights_returned():
    attention = nn.MultiheadAttention(6, HEADS, batch_first=True)

    class Model(nn.Module):
        def __init__(self, need_weights):
            super().__init__()
            self.attention, self.need_weights = attention, need_weights

        def forward(self, x):
            return self.attention(x, x, x, need_weights=self.need_weights)[0]

    wirings = [trace(Model(need), torch.zeros(1, TOKENS, 6)) for need in (True, False)]
    for wiring in wirings:
        assert [(link.layer, link.mark) for link in wiring.links] == [
            ("attention.in_proj_weight", "layer"),
            *[(None, "mixing")] * 3,
            ("attention.out_proj", "layer"),
        ]
        assert wiring.nodes[2].name == "attention"
        assert wiring.nodes[2].channels == 6


def test_grouped_queries_share_keys_and_values():
    class Grouped(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v = nn.Linear(6, 8), nn.Linear(6, 4), nn.Linear(6, 4)

        def forward(self, x):
            q = self.q(x).view(1, TOKENS, 4, 2).transpose(1, 2)
            k, v = (layer(x).view(1, TOKENS, 2, 2).transpose(1, 2) for layer in (self.k, self.v))
            return functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)

    layers = {"q.weight": np.ones((8, 6)), "k.weight": np.ones((4, 6)), "v.weight": np.ones((4, 6))}
    masks = MaskSet(LayerMask(name[0], mask.astype(bool)) for name, mask in layers.items())
    graph = multipartite(masks, model=Grouped(), example_input=torch.zeros(1, TOKENS, 6))
    shared = next(block for block in graph.blocks if block.source == "v")
    assert shared.edges.out_degrees.tolist() == [2, 2, 2, 2]


def test_windows_are_positions_and_masks_may_differ_by_window():
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(4, 12)
            mask = torch.zeros(2, 1, 2, 2)
            mask[1, 0, 0, 1] = -100000.0
            self.register_buffer("mask", mask)

        def forward(self, x):
            q, k, v = self.qkv(x).view(2, 2, 3, 1, 4).permute(2, 0, 3, 1, 4).unbind(0)
            scores = (q @ k.transpose(-2, -1)).view(1, 2, 1, 2, 2) + self.mask[None]
            return scores.view(2, 1, 2, 2).softmax(-1) @ v

    wiring = trace(Windows(), torch.zeros(1, 4, 4))
    assert (wiring.nodes[-1].shape, wiring.nodes[-1].channel_axes) == ((2, 1, 2, 4), (3,))
    layers = MaskSet([LayerMask("qkv", np.ones((12, 4), bool))])
    graph = multipartite(layers, wiring=wiring, encoding="unrolled")
    values = next(block for block in graph.blocks if block.mark == "mixing" and block.on_paths)
    # Two windows of two tokens, four channels: one of the eight pairs is ruled out.
    assert values.edges.n_edges == (8 - 1) * 4


def test_a_product_that_is_no_attention_is_named():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            y = self.layer(x)
            return self.layer(y @ y.transpose(-2, -1))

    with pytest.raises(
        WiringError, match=r"aten.linear .*'input' cannot be followed: attention sc"
    ):
        trace(Product(), torch.zeros(1, 4, 4))
