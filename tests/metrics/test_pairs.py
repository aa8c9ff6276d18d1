import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo import LayerMask, MaskSet
from masktopo.errors import MaskError, WiringError
from masktopo.metrics.pairs import layer_pair, pair_table
from tests.naive.pairs import naive_pair
from tests.naive.wirings import wire


def random_mask(rng, shape):
    mask = rng.random(shape) < rng.choice([0.2, 0.5, 0.9])
    mask[rng.random(shape[0]) < 0.2] = False
    return mask


def as_tuple(pair):
    return pair.compatibility, pair.copeland_throughput, pair.channel_overlap


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_against_the_definitions_word_by_word(seed):
    rng = np.random.default_rng(seed)
    channels, inputs, outputs = (2 * rng.integers(1, 4, 3)).tolist()
    first = LayerMask("a", random_mask(rng, (channels, inputs, 2, 1)), kind="conv2d")
    kind = rng.choice(["conv2d", "grouped", "transposed", "linear", "flatten"])
    if kind == "conv2d":
        second = LayerMask("b", random_mask(rng, (outputs, channels, 2, 2)), kind="conv2d")
    elif kind == "grouped":
        mask = random_mask(rng, (outputs, channels // 2, 1, 3))
        second = LayerMask("b", mask, kind="conv2d", groups=2)
    elif kind == "transposed":
        mask = random_mask(rng, (channels, outputs, 2, 1))
        second = LayerMask("b", mask, kind="conv_transpose2d")
    else:
        repeat = 3 if kind == "flatten" else 1
        second = LayerMask("b", random_mask(rng, (outputs, channels * repeat)))
    expected = naive_pair(first, second, channels)
    np.testing.assert_allclose(as_tuple(layer_pair(first, second)), expected, rtol=1e-12)


def test_by_hand():
    """Channel 0 is fed by 1 of 2 inputs, channel 1 by both, channel 2 by none."""
    first = LayerMask("a", np.array([[1, 0], [1, 1], [0, 0]]))
    # Two places a channel. Channel 0: targets {0, 1} and {1}; channel 1: {0} and none.
    mask = np.zeros((2, 3, 2), dtype=bool)
    mask[0, 0, 0] = mask[1, 0, 0] = mask[1, 0, 1] = mask[0, 1, 0] = True
    mask[1, 2, :] = True
    found = layer_pair(first, LayerMask("b", mask, kind="conv1d"))
    assert found.compatibility == 1.0
    # (2/2) / (1/2), (1/2) / (1/2), (1/2) / (2/2), 0.
    assert found.copeland_throughput == pytest.approx((2 + 1 + 0.5 + 0) / 4, rel=1e-15)
    # Channel 0: 1 of 1; channel 1 is skipped; channel 2: 1 of 1.
    assert found.channel_overlap == 1.0


def test_dense_layers_are_all_ones():
    first = LayerMask("a", np.ones((4, 3, 3, 3)), kind="conv2d")
    second = LayerMask("b", np.ones((5, 4, 3, 3)), kind="conv2d")
    assert as_tuple(layer_pair(first, second)) == (1.0, 1.0, 1.0)


def test_empty_layers_give_nan():
    dense, empty = LayerMask("a", np.ones((3, 3))), LayerMask("b", np.zeros((3, 3)))
    assert np.isnan(as_tuple(layer_pair(empty, dense))[:2]).all()
    found = layer_pair(dense, empty)
    assert found.compatibility == 0.0
    assert np.isnan(found.copeland_throughput)
    assert np.isnan(found.channel_overlap)


def test_layers_that_do_not_join_are_refused():
    with pytest.raises(MaskError, match=r"layer 'b' has 4 inputs, no multiple of the 3 outputs"):
        layer_pair(LayerMask("a", np.ones((3, 2))), LayerMask("b", np.ones((2, 4))))


def test_a_chain_gives_a_row_a_pair():
    rng = np.random.default_rng(3)
    layers = [
        LayerMask("conv1", random_mask(rng, (6, 3, 3, 3)), kind="conv2d"),
        LayerMask("conv2", random_mask(rng, (8, 6, 3, 3)), kind="conv2d"),
        LayerMask("fc", random_mask(rng, (5, 32))),
    ]
    table = pair_table(MaskSet(layers))
    assert table[["first", "second"]].values.tolist() == [["conv1", "conv2"], ["conv2", "fc"]]
    for index in range(2):
        expected = as_tuple(layer_pair(layers[index], layers[index + 1]))
        assert tuple(table.iloc[index, 2:]) == expected


def test_concatenations_and_additions_follow_the_wiring():
    rng = np.random.default_rng(4)
    a, b = LayerMask("a", random_mask(rng, (3, 4))), LayerMask("b", random_mask(rng, (2, 4)))
    c, d = LayerMask("c", random_mask(rng, (3, 4))), LayerMask("d", random_mask(rng, (6, 7)))
    masks = MaskSet([a, b, c, d])
    steps = [("a", ["x"], "s"), ("c", ["x"], "s"), ("b", ["x"], "b"), ("d", ["s", ("b", 2)], "y")]
    wiring = wire(masks, {"x": 4, "s": 3, "b": 2, "y": 6}, steps)
    table = pair_table(masks, wiring=wiring)
    assert table["first"].tolist() == ["a", "c", "b"]
    assert table["second"].tolist() == ["d", "d", "d"]
    # Active outputs are those of the whole layer, so the same rows are kept alive.
    part = d.mask[:, 3:]
    found = table.loc[2]
    assert found["compatibility"] == naive_pair(b, LayerMask("d", part), 2)[0]
    active = d.mask.any(axis=1).sum() / max(part.any(axis=1).sum(), 1)
    expected = naive_pair(b, LayerMask("d", part), 2)
    assert found["copeland_throughput"] * active == pytest.approx(expected[1], rel=1e-12)
    np.testing.assert_allclose(found["channel_overlap"], expected[2], rtol=1e-12)


def test_without_a_wiring_there_is_no_table():
    layers = [LayerMask("a", np.ones((3, 2))), LayerMask("b", np.ones((2, 4)))]
    with pytest.raises(WiringError, match="3 outputs are followed by 4 inputs"):
        pair_table(MaskSet(layers))


def test_one_layer_has_no_pair():
    table = pair_table(MaskSet([LayerMask("a", np.ones((3, 2)))]))
    assert table.empty
    assert "channel_overlap" in table
