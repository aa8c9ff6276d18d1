import dataclasses

import pytest

from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.views import OUTPUT, Read, Reshape
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring


def node_set(name, size, role="hidden"):
    return NodeSet(name, (1, size), (1,), role)


def linear(layer, source, size, target):
    return Link(layer, Read(source, (1, size)), target, Use("linear"))


def skip(source, size, target):
    return Link(None, Read(source, (1, size)), target, mark="skip")


X, A, Y = node_set("x", 2, "input"), node_set("a", 3), node_set("y", 1, "output")
FIRST, LAST = linear("first", "x", 2, "a"), linear("last", "a", 3, "y")
SPECS = (LayerSpec("first", (3, 2), "linear"), LayerSpec("last", (1, 3), "linear"))


def specs_of(links):
    used = {link.layer for link in links}
    return tuple(spec for spec in SPECS if spec.name in used)


def test_records_are_values():
    assert Wiring((X, A, Y), (FIRST, LAST), SPECS) == Wiring((X, A, Y), (FIRST, LAST), SPECS)
    assert len({Wiring((X, A, Y), (FIRST, LAST), SPECS) for _ in range(2)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        X.shape = (3,)


def test_channels_are_counted_along_their_axes():
    nodes = NodeSet("heads", (1, 2, 5, 3), (1, 3))
    assert (nodes.size, nodes.channels) == (30, 6)


@pytest.mark.parametrize(
    ("nodes", "links", "message"),
    [
        ((X, A, A, Y), (FIRST, LAST), "two node sets are named 'a'"),
        ((X, Y), (FIRST, LAST), "layer 'first' names node set 'a', which does not exist"),
        ((X, A, Y), (skip("b", 3, "a"), LAST), "the skip to 'a' names node set 'b'"),
        ((X, A, Y), (LAST, FIRST), "layer 'first' lands on node set 'a', which was read before"),
        ((X, A, Y), (skip("a", 3, "a"), LAST), "the skip to 'a' lands on node set"),
        ((X, A, Y), (skip("y", 2, "x"),), "a link lands on input 'x'"),
        ((X, A, Y), (skip("x", 1, "y"),), "no link lands on node set 'a'"),
        ((A, Y), (LAST,), "no link lands on node set 'a'"),
        ((X, A), (FIRST,), "the wiring has no output"),
        ((), (), "the wiring has no input"),
    ],
)
def test_what_does_not_hang_together_is_refused(nodes, links, message):
    with pytest.raises(WiringError, match=message):
        Wiring(nodes, links, specs_of(links))


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (linear("first", "x", 4, "a"), r"layer 'first' has 2 inputs, but its operand .* 4"),
        (linear("first", "x", 2, "y"), r"layer 'first' has 3 outputs, but its target 'y' has 1"),
        (skip("x", 2, "a"), r"the skip to 'a' has shape \(1, 2\), but its target .*\(1, 3\)"),
        (
            Link("first", Read("x", (1, 2)), "a", Use("conv1d", 1, (1,), (0,), (1,))),
            r"layer 'first' of shape \(3, 2\) cannot act as a conv1d",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(link, message):
    end = NodeSet(link.target, {"a": A, "y": Y}[link.target].shape, (1,), "output")
    with pytest.raises(WiringError, match=message):
        Wiring((X, end), (link,), specs_of((link,)))


def test_layers_and_links_name_each_other():
    with pytest.raises(WiringError, match="only the links have last"):
        Wiring((X, A, Y), (FIRST, LAST), SPECS[:1])
    extra = LayerSpec("extra", (1, 1), "linear")
    with pytest.raises(WiringError, match="no link uses extra"):
        Wiring((X, A, Y), (FIRST, LAST), (*SPECS, extra))


def test_a_link_has_a_layer_with_its_use_or_neither():
    with pytest.raises(WiringError, match="must have a layer, its use and the mark, or none"):
        Link("first", Read("x", (1, 2)), "a")


def test_a_landing_reads_the_output():
    def landed(view):
        return Link("first", Read("x", (1, 2)), "a", Use("linear"), landing=view)

    with pytest.raises(WiringError, match="landing of layer 'first' must read a layer's output"):
        landed(Read("a", (1, 3)))
    column = Reshape(Read(OUTPUT, (1, 3)), (3, 1))
    with pytest.raises(WiringError, match=r"lands in shape \(3, 1\), but its target 'a' has shape"):
        Wiring((X, A, Y), (landed(column), LAST), SPECS)
    narrow = Reshape(Read(OUTPUT, (3, 1)), (1, 3))
    with pytest.raises(WiringError, match=r"3 outputs, but lands as a tensor of shape \(3, 1\)"):
        Wiring((X, A, Y), (landed(narrow), LAST), SPECS)


def test_roles_and_axes_are_checked():
    with pytest.raises(ArgumentError, match="role='sink' is not one of 'input', 'hidden'"):
        node_set("x", 2, "sink")
    with pytest.raises(WiringError, match=r"node set 'x' of shape \(1, 2\) has no axes \(2,\)"):
        NodeSet("x", (1, 2), (2,))
    with pytest.raises(WiringError, match="a conv2d has 2 kernel axes"):
        Use("conv2d", 1, (1,), (0,), (1,))
