import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.sampling.repair import repair
from masktopo.sampling.selection import TIES, fold_layers, select_network
from tests.naive.pags import naive_best_network, naive_fold, naive_repair

VALUES = st.sampled_from([-1.0, 0.0, 1.0, 2.0, float("nan"), float("inf"), -float("inf")])


@st.composite
def candidates(draw):
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(1, 4))

    def table(values):
        flat = draw(st.lists(values, min_size=rows * columns, max_size=rows * columns))
        return np.array(flat).reshape(rows, columns)

    return table(VALUES), table(VALUES), table(st.booleans())


@pytest.mark.parametrize("of_coordinates", [True, False])
@pytest.mark.parametrize("ties", TIES)
@settings(max_examples=200)
@given(table=candidates())
def test_the_fold_is_the_literal_one(ties, of_coordinates, table):
    imdb, score, valid = table
    selection = fold_layers(imdb, score, valid, ties=ties, of_coordinates=of_coordinates)
    assert selection.winners.tolist() == naive_fold(imdb, score, valid, ties, of_coordinates)
    last = [int(np.flatnonzero(column)[-1]) for column in selection.accepted.T]
    assert last == selection.winners.tolist()


@pytest.mark.parametrize("of_coordinates", [True, False])
@settings(max_examples=200)
@given(table=candidates())
def test_the_best_network_is_the_literal_one(of_coordinates, table):
    _, score, _ = table
    selection = select_network(score, of_coordinates=of_coordinates)
    assert set(selection.winners.tolist()) == {naive_best_network(score, of_coordinates)}
    accepted = selection.accepted.all(axis=1)
    assert np.array_equal(accepted, selection.accepted.any(axis=1))
    assert np.flatnonzero(accepted)[-1] == selection.winners[0]


def one_layer(*rows):
    imdb, score, valid = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    return imdb, score, valid.astype(bool)


@pytest.mark.parametrize(
    ("rows", "ties", "winner"),
    [
        ([(1, 1, True), (2, 1, True)], "first", 1),  # one greater, one equal
        ([(1, 1, True), (9, 0.5, True)], "first", 0),  # both must be at least the best's
        ([(1, 1, True), (1, 1, True)], "first", 0),
        ([(1, 1, True), (1, 1, True)], "published", 1),
        ([(-1, 1, True), (np.nan, 5, False)], "first", 0),  # invalid never replaces valid
        ([(-1, 1, True), (np.nan, 5, False)], "published", 0),
        ([(np.nan, 1, False), (np.nan, 5, False)], "published", 0),  # invalid on both sides
        ([(np.nan, 1, False), (0.5, 5, True)], "first", 1),
        ([(np.nan, 1, False), (-0.5, 5, True)], "first", 0),  # what is not finite counts 0
        ([(1, 3, True), (3, 1, True), (2, 4, True)], "first", 2),
        ([(1, 1, True), (2, 3, True), (3, 2, True)], "first", 1),  # depends on the order
        ([(1, 1, True), (3, 2, True), (2, 3, True)], "first", 1),
    ],
)
def test_the_rules_of_the_fold_one_by_one(rows, ties, winner):
    assert fold_layers(*one_layer(*rows), ties=ties).winners.tolist() == [winner]


@pytest.mark.parametrize(
    ("score", "winner"),
    [
        ([-4.97, -3.33, -np.inf, -4.0], 1),  # a mask without any path does not win
        ([-4.97, np.nan, -5.0], 0),
        ([np.nan, -3.0, -2.0], 2),
        ([-np.inf, np.nan], 0),
        ([1.0, np.inf, 2.0], 1),
    ],
)
def test_other_scores_than_coordinates_keep_their_infinities(score, winner):
    column = np.array(score)[:, None]
    assert select_network(column, of_coordinates=False).winners.tolist() == [winner]
    valid = np.ones(column.shape, bool)
    folded = fold_layers(np.zeros(column.shape), column, valid, of_coordinates=False)
    assert folded.winners.tolist() == [winner]


def test_a_layer_without_a_score_in_any_candidate_leaves_the_choice_to_the_others():
    score = np.array([[np.nan, -2.0], [np.nan, -1.0]])
    assert select_network(score, of_coordinates=False).winners.tolist() == [1, 1]


def test_equal_networks_leave_the_lowest_index():
    score = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 1.0]])
    assert select_network(score).winners.tolist() == [1, 1]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=25), st.data())
def test_the_repair_is_the_brute_one(weights, data):
    kept = np.array([keep for keep, _ in weights])
    standing = np.array([value for _, value in weights], dtype=np.float64)
    count = data.draw(st.integers(0, len(weights)))
    repaired = repair(kept, standing, count)
    assert repaired.sum() == count
    assert repaired.tolist() == naive_repair(kept, standing, count)
    assert kept.tolist() == [keep for keep, _ in weights]  # the input is not changed
