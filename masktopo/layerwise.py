"""Measuring the layers of a network in turn: a few in memory, and nothing lost when stopped."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masktopo._lines import append_line, read_lines
from masktopo.errors import RunError
from masktopo.masks.maskset import MaskSet, check_same_layers
from masktopo.metrics.family import Family, Findings, Subject

__all__ = ["PartialFile", "layers_digests", "measure_in_turn"]

Record = Mapping[str, Any]
"""What was found of one layer: by family, the values of its columns and its remarks."""


class PartialFile:
    """The layers measured so far, a line each, behind a line that says of what and how.

    Parameters
    ----------
    path : path or None
        The file to go on with, or to begin. None keeps the records in memory only.
    identity : mapping of str to str
        What makes two analyses the same analysis.

    Raises
    ------
    RunError
        If the file is of another analysis, naming what differs with both values, or damaged.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, str]) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        if path is None:
            return
        if _is_new(path):
            append_line(path, json.dumps(dict(identity)))
            return
        # Of a file that is somebody else's, nothing may be cut off.
        _check_identity(path, identity)
        self.records = dict(_parsed(path))

    def add(self, layer: str, record: Record) -> None:
        """Take up what was found of a layer."""
        self.records[layer] = record
        if self.path is not None:
            append_line(self.path, json.dumps({"layer": layer, "found": record}))


def measure_in_turn(
    subject: Subject, families: Sequence[Family], partial: PartialFile, *, progress: bool
) -> dict[str, Findings]:
    """Measure the layers that `partial` lacks, and return what was found of all.

    Parameters
    ----------
    subject : Subject
        As many layers are read and measured at a time as it has threads.
    families : sequence of Family
        Layerwise ones.
    partial : PartialFile
        Where the layers go as they are measured.
    progress : bool
        Whether to show a bar, which counts weights.

    Returns
    -------
    dict of str to Findings
        By family, without what the layers come to.
    """
    if subject.reference is not None:
        check_same_layers(subject.masks, subject.reference)
    _check_whole(partial, families)
    missing = [name for name in subject.masks if name not in partial.records]
    done = sum(math.prod(record["shape"]) for record in partial.records.values())
    with tqdm(
        total=subject.masks.size, initial=done, unit="weight", unit_scale=True, disable=not progress
    ) as bar:
        for start in range(0, len(missing), subject.threads):
            part = _part(subject, missing[start : start + subject.threads])
            for name, record in _records(part, families):
                partial.add(name, record)
                bar.set_postfix_str(name)
                bar.update(part.masks[name].size)
    ordered = {name: partial.records[name] for name in subject.masks}
    return {family.name: _joined(ordered, family) for family in families}


def layers_digests(masks: MaskSet) -> tuple[str, str]:
    """Return SHA-256 (hex) over the weights, and over kinds and groups: the masks' lacks both.

    One layer at a time is in memory. A reading of all: half a minute for 8 GB.
    """
    weights, kinds = hashlib.sha256(), hashlib.sha256()
    for name, layer in masks.items():
        weights.update(f"{name}\0".encode())
        kinds.update(f"{name}\0{layer.kind}\0{layer.groups}\0{layer.assumed}\0".encode())
        if layer.weight is not None:
            weights.update(np.ascontiguousarray(layer.weight).data)
    return weights.hexdigest(), kinds.hexdigest()


def _part(subject: Subject, names: Sequence[str]) -> Subject:
    """Take some layers of a network, into memory."""
    reference = subject.reference
    return replace(
        subject,
        masks=MaskSet((subject.masks[name] for name in names), source=subject.masks.source),
        reference=None if reference is None else MaskSet(reference[name] for name in names),
    )


def _records(part: Subject, families: Sequence[Family]) -> Iterator[tuple[str, Record]]:
    """Measure some layers; yield a record of each."""
    found = {family.name: family.measure(part) for family in families}
    for place, (name, layer) in enumerate(part.masks.items()):
        yield (
            name,
            {
                "shape": list(layer.shape),
                **{family: _of_layer(each, place, name) for family, each in found.items()},
            },
        )


def _of_layer(found: Findings, place: int, name: str) -> dict[str, Any]:
    return {
        "columns": {column: _plain(values[place]) for column, values in found.layers.items()},
        "remarks": [text for text, names in found.remarks.items() if name in names],
    }


def _joined(records: Mapping[str, Record], family: Family) -> Findings:
    """Turn the records of all layers into columns, as if all had been measured at once."""
    rows = {name: record[family.name] for name, record in records.items()}
    columns = {
        column: _column([row["columns"][column] for row in rows.values()])
        for column in family.layer_metrics
    }
    remarks: dict[str, list[str]] = {}
    for name, row in rows.items():
        for text in row["remarks"]:
            remarks.setdefault(text, []).append(name)
    return Findings(columns, remarks=remarks)


def _column(values: list[Any]) -> NDArray[Any]:
    text = any(isinstance(value, str) for value in values)
    return np.array(values, dtype=object if text else None)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_new(path: Path) -> bool:
    """Whether there is nothing at `path` yet, or an empty file."""
    if path.exists() and not path.is_file():
        raise RunError(f"partial={str(path)!r} is a folder, or no ordinary file")
    return not path.exists() or path.stat().st_size == 0


def _parsed(path: Path) -> Iterator[tuple[str, Record]]:
    """Read the layers of a file whose first line was checked, and cut off a line that is torn."""
    place = 0
    try:
        for place, line in enumerate(read_lines(path)):
            if place:
                yield _layer_of(json.loads(line))
    except ValueError as error:
        raise RunError(
            f"{path}, line {place + 1} is damaged: {error}; remove the file to begin anew"
        ) from error


def _layer_of(line: Any) -> tuple[str, Record]:
    """Take a line apart into a layer and its record, or raise `ValueError`."""
    if not isinstance(line, dict) or not isinstance(line.get("layer"), str):
        raise ValueError("no layer's values")
    if not isinstance(line.get("found"), dict):
        raise ValueError(f"no values of layer {line['layer']!r}")
    return line["layer"], line["found"]


def _check_whole(partial: PartialFile, families: Sequence[Family]) -> None:
    """Raise unless every record has what `_joined` looks up."""
    for name, record in partial.records.items():
        shape = record.get("shape")
        sized = isinstance(shape, list) and all(isinstance(size, int) for size in shape)
        if not sized or not all(_has_family(record, family) for family in families):
            raise RunError(
                f"{partial.path}: values of layer {name!r} are missing or damaged; remove the file "
                "to begin anew"
            )


def _has_family(record: Record, family: Family) -> bool:
    found = record.get(family.name)
    if not isinstance(found, dict) or not isinstance(found.get("columns"), dict):
        return False
    return set(family.layer_metrics) <= found["columns"].keys() and isinstance(
        found.get("remarks"), list
    )


def _check_identity(path: Path, wanted: Mapping[str, str]) -> None:
    """Raise unless the first line of a file is that of this analysis."""
    with path.open("rb") as file:
        first = file.readline()
    try:
        found = json.loads(first)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not first.endswith(b"\n"):
        raise RunError(f"{path} is no file of an analysis that was stopped; choose another")
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    if differing:
        listing = "; ".join(
            f"{name}: {found.get(name)!r} there, {wanted[name]!r} here" for name in differing
        )
        raise RunError(f"{path} is of another analysis: {listing}; remove it, or choose another")
