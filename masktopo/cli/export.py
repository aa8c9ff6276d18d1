"""Command ``export``: write a network's graph or its wiring to files."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo.errors import ArgumentError

if TYPE_CHECKING:
    from masktopo.graphs.multipartite import MultipartiteGraph
    from masktopo.graphs.wiring import Wiring
    from masktopo.masks.maskset import MaskSet

__all__ = ["add_arguments", "run"]

FORMATS = ("graphml", "parquet", "npz", "wiring")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", help="mask checkpoint")
    parser.add_argument(
        "--to",
        required=True,
        help="graphml, parquet (a folder of two tables), npz (adjacency with multiplicities, "
        "for scipy.sparse.load_npz) or wiring (JSON of the data flow)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="file or folder to write")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--model", help="a network, or package.module:factory, to trace")
    known.add_argument("--wiring", help="wiring file, in place of a model")
    parser.add_argument("--input-shape", help="shape of one sample for --model, as 3x32x32")
    parser.add_argument("--classes", type=int, default=10, help="classes for --model (default 10)")
    parser.add_argument("--encoding", default="channel", help="channel (default) or unrolled")
    parser.add_argument("--allow-dense", action="store_true", help="accept an unpruned network")


def run(arguments: argparse.Namespace) -> None:
    """Write what was asked for, and say what it is."""
    from masktopo._check import check_choice
    from masktopo.masks.load import load_masks

    check_choice("--to", arguments.to, FORMATS)
    masks = load_masks(arguments.file, allow_dense=arguments.allow_dense)
    wiring = _wiring(arguments, masks)
    if arguments.to == "wiring":
        wiring.save(arguments.out)
        print(f"{len(wiring.nodes)} node sets, {len(wiring.links)} links", end="")
    else:
        graph = _graph(masks, wiring, arguments.encoding)
        WRITERS[arguments.to](graph, arguments.out)
        print(f"{graph.n_nodes:,} nodes, {graph.n_edges:,} edges", end="")
    print(f", written: {arguments.out}")


def _wiring(arguments: argparse.Namespace, masks: "MaskSet") -> "Wiring":
    """Trace the model, read the wiring, or take the order of the layers."""
    if arguments.model is not None:
        return _traced(arguments)
    if arguments.wiring is not None:
        from masktopo.graphs.wiring_file import load_wiring

        return load_wiring(arguments.wiring)
    from masktopo.graphs.order import wiring_from_order

    return wiring_from_order(masks)


def _traced(arguments: argparse.Namespace) -> "Wiring":
    shape = _shape(arguments.input_shape)
    import torch

    from masktopo.graphs.tracing import trace
    from masktopo.networks import build_network

    model = build_network(arguments.model, input_shape=shape, n_classes=arguments.classes)
    return trace(model, torch.zeros(1, *shape))


def _shape(text: str | None) -> tuple[int, ...]:
    """Read ``3x32x32``."""
    try:
        shape = tuple(map(int, (text or "").split("x")))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ArgumentError(f"--model needs --input-shape, as 3x32x32, not {text!r}")
    return shape


def _graph(masks: "MaskSet", wiring: "Wiring", encoding: str) -> "MultipartiteGraph":
    from masktopo.graphs.multipartite import multipartite

    # Files list edges, however many there are.
    lists = "explicit" if encoding == "unrolled" else "auto"
    return multipartite(masks, wiring=wiring, encoding=encoding, representation=lists)


def _write_npz(graph: "MultipartiteGraph", path: Path) -> None:
    from scipy.sparse import save_npz

    from masktopo._files import atomic_write

    with atomic_write(path) as file:
        save_npz(file, graph.to_scipy())


WRITERS: dict[str, Callable[["MultipartiteGraph", Path], None]] = {
    "graphml": lambda graph, path: graph.write_graphml(path),
    "parquet": lambda graph, path: graph.write_parquet(path),
    "npz": _write_npz,
}
