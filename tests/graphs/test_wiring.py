import dataclasses
import json

import pytest

from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.wiring import Link, NodeSet, Source, Wiring

X, A, Y = NodeSet("x", 2, "input"), NodeSet("a", 3), NodeSet("y", 1, "output")
FIRST, LAST = Link("first", (Source("x"),), "a"), Link("last", (Source("a"),), "y")


def test_layers_are_named_once_in_the_order_of_use():
    again = Link("first", (Source("x"),), "a")
    skip = Link(None, (Source("x"),), "a")
    wiring = Wiring((X, A, Y), (FIRST, skip, again, LAST))
    assert wiring.layers == ("first", "last")


def test_records_are_values():
    assert Wiring((X, A, Y), (FIRST, LAST)) == Wiring((X, A, Y), (FIRST, LAST))
    assert len({Wiring((X, A, Y), (FIRST, LAST)), Wiring((X, A, Y), (FIRST, LAST))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        X.channels = 3


def test_a_wiring_is_plain_data():
    wiring = Wiring((X, A, Y), (FIRST, LAST), assumed=True)
    stored = json.loads(json.dumps(dataclasses.asdict(wiring)))
    assert stored["links"][0] == {
        "layer": "first",
        "sources": [{"nodes": "x", "repeat": 1}],
        "target": "a",
    }
    assert stored["assumed"] is True


@pytest.mark.parametrize(
    ("nodes", "links", "message"),
    [
        ((X, A, A, Y), (FIRST, LAST), "two node sets are named 'a'"),
        ((X, Y), (FIRST, LAST), "layer 'first' names node set 'a', which does not exist"),
        ((X, A, Y), (Link(None, (Source("b"),), "a"), LAST), "the skip to 'a' names node set 'b'"),
        ((X, A, Y), (Link("first", (), "a"), LAST), "layer 'first' has no source"),
        ((X, A, Y), (LAST, FIRST), "layer 'first' lands on node set 'a', which was read before"),
        ((X, A, Y), (Link("loop", (Source("a"),), "a"), LAST), "layer 'loop' lands on node set"),
        ((X, A, Y), (Link("back", (Source("a"),), "x"),), "a link lands on input 'x'"),
        ((X, A, Y), (Link("only", (Source("x"),), "y"),), "no link lands on node set 'a'"),
        ((A, Y), (Link(None, (Source("a"),), "y"),), "no link lands on node set 'a'"),
        ((X, A), (FIRST,), "the wiring has no output"),
        ((), (), "the wiring has no input"),
    ],
)
def test_what_does_not_hang_together_is_refused(nodes, links, message):
    with pytest.raises(WiringError, match=message):
        Wiring(nodes, links)


def test_roles_and_counts_are_checked():
    with pytest.raises(ArgumentError, match="role='sink' is not one of 'input', 'hidden'"):
        NodeSet("x", 2, "sink")
    with pytest.raises(ArgumentError, match="channels must be at least 0, not -1"):
        NodeSet("x", -1)
    with pytest.raises(ArgumentError, match="repeat must be at least 1, not 0"):
        Source("x", 0)
