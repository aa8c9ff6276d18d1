"""Command ``export``: write a network's graph or its wiring to files."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo.cli.outputs import check_file, check_folder, writing
from masktopo.cli.wirings import add_wiring_arguments, given_wiring

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
    add_wiring_arguments(parser)
    parser.add_argument("--encoding", default="channel", help="channel (default) or unrolled")
    parser.add_argument("--allow-dense", action="store_true", help="accept an unpruned network")


def run(arguments: argparse.Namespace) -> None:
    """Write what was asked for, and say what it is."""
    from masktopo._check import check_choice
    from masktopo.graphs.build import find_wiring
    from masktopo.masks.load import load_masks

    check_choice("--to", arguments.to, FORMATS)
    check_place = check_folder if arguments.to == "parquet" else check_file
    check_place(arguments.out)
    masks = load_masks(arguments.file, allow_dense=arguments.allow_dense)
    wiring = find_wiring(masks, wiring=given_wiring(arguments))
    if arguments.to == "wiring":
        with writing(arguments.out):
            wiring.save(arguments.out)
        print(f"{len(wiring.nodes)} node sets, {len(wiring.links)} links", end="")
    else:
        graph = _graph(masks, wiring, arguments.encoding)
        with writing(arguments.out):
            WRITERS[arguments.to](graph, arguments.out)
        print(f"{graph.n_nodes:,} nodes, {graph.n_edges:,} edges", end="")
    print(f", written: {arguments.out}")


def _graph(masks: "MaskSet", wiring: "Wiring", encoding: str) -> "MultipartiteGraph":
    from masktopo.graphs.build import multipartite

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
