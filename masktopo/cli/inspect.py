"""Command ``inspect``: show what is in a mask checkpoint, and where each mask came from."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from masktopo.masks.survey import Survey

__all__ = ["add_arguments", "describe", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", help="mask checkpoint, or a folder of one")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1)")


def run(arguments: argparse.Namespace) -> None:
    """Look through the file and print what was found."""
    from masktopo.masks.survey import survey

    found = survey(arguments.file, threads=arguments.threads)
    print(_as_json(found) if arguments.json else describe(found))


def describe(found: "Survey") -> str:
    """Write a survey as text: the file, its layers, what was skipped, doubts."""
    files = "1 file" if found.files == 1 else f"{found.files} files"
    head = f"{found.source}: {found.format}, {files}, {found.size:,} bytes"
    rows = [("layer", "kind", "shape", "kept", "density", "origin")]
    rows += [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.shape)),
            f"{layer.nnz:,}",
            f"{layer.density:.4g}",
            layer.origin,
        )
        for layer in found.layers
    ]
    nnz, size = (sum(getattr(layer, name) for layer in found.layers) for name in ("nnz", "size"))
    share = nnz / size if size else float("nan")
    total = f"{len(found.layers)} layers, {nnz:,} of {size:,} weights kept, density {share:.4g}"
    notes = [*_skips(found), *(f"doubt: {doubt}" for doubt in found.doubts)]
    return "\n".join([head, "", *_table(rows), "", total, *notes])


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align the columns; numbers stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    signs = "<<<>><"
    return [
        "  ".join(
            f"{cell:{sign}{width}}" for cell, sign, width in zip(row, signs, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _skips(found: "Survey") -> list[str]:
    """Say what was skipped, by reason."""
    from masktopo._check import join_names

    names: dict[str, list[str]] = {}
    for skipped in found.skipped:
        names.setdefault(skipped.reason, []).append(skipped.name)
    return [f"skipped ({reason}): {join_names(each, most=4)}" for reason, each in names.items()]


def _as_json(found: "Survey") -> str:
    import dataclasses
    import json

    content: dict[str, Any] = dataclasses.asdict(found)
    for entry, layer in zip(content["layers"], found.layers, strict=True):
        entry |= {"size": layer.size, "density": layer.density if layer.size else None}
    return json.dumps(content, indent=1, ensure_ascii=False)
