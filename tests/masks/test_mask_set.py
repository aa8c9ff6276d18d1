"""The masks of a network as one mapping."""

import hashlib
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masktopo import LayerMask, MaskSet
from masktopo.errors import ArgumentError, MaskError, MasktopoWarning

SHAPES = {"a": (2, 3), "b": (3, 3)}


def mask_set(**masks) -> MaskSet:
    return MaskSet([LayerMask(name, np.asarray(mask)) for name, mask in masks.items()])


pairs = st.tuples(
    *(
        st.fixed_dictionaries({name: hnp.arrays(bool, shape) for name, shape in SHAPES.items()})
        for _ in range(2)
    )
)


@given(pairs)
def test_set_operations(pair):
    first, second = (mask_set(**masks) for masks in pair)
    for name in SHAPES:
        np.testing.assert_array_equal((first & second)[name].mask, pair[0][name] & pair[1][name])
        np.testing.assert_array_equal((first | second)[name].mask, pair[0][name] | pair[1][name])
    assert first & first == first == first | first
    assert (first & second).nnz + (first | second).nnz == first.nnz + second.nnz


@given(pairs)
def test_digests_are_equal_where_sets_are(pair):
    first, second = (mask_set(**masks) for masks in pair)
    assert (first.digest == second.digest) == (first == second)
    assert (hash(first) == hash(second)) == (first == second)


def test_mapping_and_totals():
    masks = mask_set(b=np.eye(3), a=np.ones((2, 3)))
    assert list(masks) == ["b", "a"]
    assert (len(masks), masks.nnz, masks.size, masks.density) == (2, 9, 15, 0.6)
    assert repr(masks) == "<MaskSet of 2 layers, 9 of 15 weights kept>"
    assert np.isnan(MaskSet([]).density)
    with pytest.raises(KeyError):
        masks["c"]


def test_the_digest_is_as_documented():
    masks = mask_set(b=np.eye(3), a=np.ones((2, 3)))
    total = hashlib.sha256()
    total.update(b"a\0(2, 3)\0" + bytes([0b111111]))
    total.update(b"b\0(3, 3)\0" + bytes([0b00010001, 0b1]))
    assert masks.digest == total.hexdigest()


def test_equality_is_that_of_masks_alone():
    masks = mask_set(a=np.ones((2, 3)), b=np.eye(3))
    assert masks == mask_set(b=np.eye(3), a=np.ones((2, 3)))
    assert masks == masks.with_weights({"a": np.ones((2, 3)), "b": np.ones((3, 3))})
    assert masks != mask_set(a=np.ones((2, 3)))
    assert masks != mask_set(a=np.ones((3, 2)), b=np.eye(3))
    assert masks != 3


def test_other_masks():
    masks = mask_set(a=np.ones((2, 3)), b=np.eye(3))
    changed = masks.with_masks({"a": np.zeros((2, 3), dtype=bool)}, origin="cut")
    assert [(layer.nnz, layer.origin) for layer in changed.values()] == [(0, "cut"), (3, "given")]
    with pytest.raises(MaskError, match="memory has no layer c, d"):
        masks.with_masks({"d": np.eye(2), "c": np.eye(2)}, origin="cut")


def test_other_weights():
    masks = mask_set(a=np.ones((2, 3)), b=np.eye(3))
    weights = {"a": np.ones((2, 3)), "b": np.ones((3, 3)), "more": np.ones(2)}
    full = masks.with_weights(weights)
    assert full.has_weights
    assert not masks.has_weights
    assert not full.with_weights(None).has_weights
    with pytest.raises(MaskError, match="the given weights lack layer a, b"):
        masks.with_weights({})
    expected = r"lack layer a; have another shape in b \(\(2, 3\), expected \(3, 3\)\)$"
    with pytest.raises(MaskError, match=expected):
        masks.with_weights({"b": np.ones((2, 3))})


@pytest.mark.parametrize("on_demand", [False, True])
def test_weights_under_any_name_of_a_tied_layer(on_demand):
    layer = LayerMask("a", np.eye(2), aliases=("b", "c"))
    masks = MaskSet([layer])
    if on_demand:
        masks = MaskSet.on_demand([("a", lambda: layer)], source="memory")
    weights = {"c": np.full((2, 2), 3.0), "d": np.ones(1)}
    assert masks.with_weights(weights)["a"].weight[0, 0] == 3
    pruned = np.eye(2) * 3  # they differ where nothing is kept
    assert masks.with_weights(weights | {"a": pruned})["a"].weight[0, 1] == 0
    with pytest.raises(MaskError, match="the given weights lack layer a"):
        masks.with_weights({"d": np.ones((2, 2))})


@pytest.mark.parametrize("other", [np.ones((2, 2)) * 2, np.ones(3)])
def test_different_weights_under_the_names_of_a_tied_layer(other):
    masks = MaskSet([LayerMask("a", np.eye(2), aliases=("b", "c"))])
    weights = {"a": np.ones((2, 2)), "b": np.ones((2, 2)), "c": other}
    with pytest.warns(MasktopoWarning, match="layer 'a' is tied, .* of a and of c differ; those"):
        assert masks.with_weights(weights)["a"].weight[0, 0] == 1


def test_weights_of_another_shape_under_another_name():
    masks = MaskSet([LayerMask("a", np.eye(2), aliases=("b",))])
    with pytest.raises(MaskError, match=r"have another shape in b \(\(3,\), expected \(2, 2\)\)"):
        masks.with_weights({"b": np.ones(3)})


def test_dicts_are_no_mask_sets():
    masks = mask_set(a=np.eye(2))
    with pytest.raises(ArgumentError, match="made of LayerMasks, not of str; load_masks makes one"):
        MaskSet({"a": np.eye(2)})
    for combine, word in [(operator.and_, "intersection"), (operator.or_, "union")]:
        with pytest.raises(ArgumentError, match=f"the {word} is one of MaskSets, not of .* dict;"):
            combine(masks, {"a": np.eye(2)})


def test_layers_of_one_name():
    with pytest.raises(MaskError, match=r"net\.pt: two layers are named 'a'"):
        MaskSet([LayerMask("a", np.eye(2)), LayerMask("a", np.eye(2))], source="net.pt")


def test_sets_of_different_networks():
    first = MaskSet([LayerMask("a", np.eye(2)), LayerMask("b", np.eye(2))], source="one")
    second = MaskSet([LayerMask("a", np.eye(3)), LayerMask("c", np.eye(2))], source="two")
    expected = r"only one has b; only two has c; other shapes in a \(\(2, 2\) and \(3, 3\)\)"
    with pytest.raises(MaskError, match=expected):
        first & second


def test_pickling():
    masks = mask_set(a=np.ones((2, 3)), b=np.eye(3))
    assert pickle.loads(pickle.dumps(masks)) == masks
