"""The wiring of a network: which node sets its layers join, in the order of the data flow.

A wiring holds names and sizes only, no masks and no weights, so that one wiring serves every
mask of a network. Node sets are the network's inputs and the outputs of its layers; a link is
one use of a layer (or an identity skip) that reads node sets and lands on one:

- an addition is several links with one target;
- a concatenation is one link with several sources, in sequence;
- a skip is a link without a layer: edge ``i`` joins left node ``i`` and target node ``i``;
- a layer that is used twice, or that reads a sum which has no nodes of its own, has two links.
"""

from dataclasses import dataclass

from masktopo._check import check_choice, check_count
from masktopo.errors import WiringError

__all__ = ["ROLES", "Link", "NodeSet", "Source", "Wiring"]

ROLES = ("input", "hidden", "output")


@dataclass(frozen=True)
class NodeSet:
    """The channels (or neurons) of one tensor of the data flow.

    Parameters
    ----------
    name : str
        Unique in the wiring; the layer's name where the nodes are one layer's outputs.
    channels : int
        Number of channels or neurons, at least 0.
    role : {"input", "hidden", "output"}
        Output sets may be read by further links.
    """

    name: str
    channels: int
    role: str = "hidden"

    def __post_init__(self) -> None:
        check_choice("role", self.role, ROLES)
        check_count("channels", self.channels, least=0)


@dataclass(frozen=True)
class Source:
    """How consecutive left nodes of a layer read one node set.

    Parameters
    ----------
    nodes : str
        Name of the node set.
    repeat : int
        Left nodes per channel: left node ``j`` of this source reads channel ``j // repeat``. It
        is 1 but for a linear layer behind a flatten, where it is the number of positions.
    """

    nodes: str
    repeat: int = 1

    def __post_init__(self) -> None:
        check_count("repeat", self.repeat)


@dataclass(frozen=True)
class Link:
    """One use of a layer, or a skip: edges from `sources` in sequence to the set `target`.

    Parameters
    ----------
    layer : str or None
        The layer's name; None for a skip, whose edges are the identity, of weight 1.
    sources : tuple of Source
        What the left nodes read, in order; several sources are a concatenation.
    target : str
        Name of the node set that holds the right nodes.
    """

    layer: str | None
    sources: tuple[Source, ...]
    target: str


@dataclass(frozen=True)
class Wiring:
    """The data flow of a network as node sets and links.

    Parameters
    ----------
    nodes : tuple of NodeSet
    links : tuple of Link
        In topological order: no link reads a set that a later link lands on.
    assumed : bool
        Whether it was guessed from the order of the layers instead of taken from a model.

    Raises
    ------
    WiringError
        If names are unknown or not unique, links are out of order, an input is landed on, a
        set that is no input is landed on by none, or there is no input or no output.

    Examples
    --------
    >>> nodes = (NodeSet("x", 4, "input"), NodeSet("a", 4), NodeSet("b", 2, "output"))
    >>> links = (
    ...     Link("a", (Source("x"),), "a"),
    ...     Link(None, (Source("x"),), "a"),
    ...     Link("b", (Source("a"),), "b"),
    ... )
    >>> Wiring(nodes, links).layers
    ('a', 'b')
    """

    nodes: tuple[NodeSet, ...]
    links: tuple[Link, ...]
    assumed: bool = False

    def __post_init__(self) -> None:
        _check_names(self)
        _check_order(self)
        _check_ends(self)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, each once, in the order of their first use."""
        return tuple(dict.fromkeys(link.layer for link in self.links if link.layer is not None))


def _check_names(wiring: Wiring) -> None:
    known = {nodes.name for nodes in wiring.nodes}
    if len(known) < len(wiring.nodes):
        names = [nodes.name for nodes in wiring.nodes]
        twice = next(name for name in names if names.count(name) > 1)
        raise WiringError(f"two node sets are named {twice!r}")
    for link in wiring.links:
        for name in [link.target, *(source.nodes for source in link.sources)]:
            if name not in known:
                raise WiringError(f"{_words(link)} names node set {name!r}, which does not exist")
        if not link.sources:
            raise WiringError(f"{_words(link)} has no source")


def _check_order(wiring: Wiring) -> None:
    read: set[str] = set()
    for link in wiring.links:
        read.update(source.nodes for source in link.sources)
        if link.target in read:
            raise WiringError(
                f"{_words(link)} lands on node set {link.target!r}, which was read before: "
                "links must follow the data flow"
            )


def _check_ends(wiring: Wiring) -> None:
    targets = {link.target for link in wiring.links}
    for nodes in wiring.nodes:
        if nodes.role == "input" and nodes.name in targets:
            raise WiringError(f"a link lands on input {nodes.name!r}")
        if nodes.role != "input" and nodes.name not in targets:
            raise WiringError(f"no link lands on node set {nodes.name!r}, which is no input")
    for role in ("input", "output"):
        if all(nodes.role != role for nodes in wiring.nodes):
            raise WiringError(f"the wiring has no {role}")


def _words(link: Link) -> str:
    """Name a link in an error message."""
    return f"the skip to {link.target!r}" if link.layer is None else f"layer {link.layer!r}"
