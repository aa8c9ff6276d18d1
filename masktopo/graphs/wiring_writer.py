"""A wiring as a JSON document: equal views and maps are written once, and referred to."""

from dataclasses import dataclass, field, fields
from typing import Any

from masktopo.graphs.runs import packed
from masktopo.graphs.views import (
    Along,
    AxisMap,
    Blank,
    Join,
    Permute,
    Read,
    Reshape,
    Sum,
    View,
    children,
)
from masktopo.graphs.wiring import Link, Wiring

__all__ = ["FORMAT", "OPERATIONS", "VERSION", "document"]

FORMAT = "masktopo wiring"

VERSION = 1

OPERATIONS: dict[str, type[View]] = {
    "read": Read,
    "blank": Blank,
    "reshape": Reshape,
    "permute": Permute,
    "along": Along,
    "join": Join,
    "sum": Sum,
}
"""Operations of views by their name in the file; an operation's fields are the record's."""

_NAMES = {operation: name for name, operation in OPERATIONS.items()}


def document(wiring: Wiring) -> dict[str, Any]:
    """Return what stands in the file of a wiring: see ``docs/wiring-file.md``.

    Notes
    -----
    O(size of the views), each shared view visited once.
    """
    tables = _Tables()
    links = [_link(link, tables) for link in wiring.links]
    return {
        "format": FORMAT,
        "version": VERSION,
        "assumed": wiring.assumed,
        "nodes": [_fields(nodes) for nodes in wiring.nodes],
        "layers": [_fields(spec) for spec in wiring.layers],
        "unused": wiring.unused,
        "maps": tables.maps,
        "views": tables.views,
        "links": links,
    }


@dataclass(eq=False)
class _Tables:
    """The views and maps written so far, and where each of them stands."""

    maps: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    map_places: dict[AxisMap, int] = field(default_factory=dict)
    view_places: dict[Any, int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def place_of(self, view: View) -> int:
        """Return the place of `view`, which is written if none equal to it was.

        Views are told apart by what they do and by the places of their parts, so that a view is
        never compared as a tree.
        """
        if id(view) not in self.seen:
            parts = [self.place_of(part) for part in children(view)]
            entry, key = self._entry(view, parts)
            if key not in self.view_places:
                self.view_places[key] = len(self.views)
                self.views.append(entry)
            self.seen[id(view)] = self.view_places[key]
        return self.seen[id(view)]

    def _entry(self, view: View, parts: list[int]) -> tuple[dict[str, Any], Any]:
        entry: dict[str, Any] = {"op": _NAMES[type(view)]}
        for name, value in _fields(view).items():
            if name == "parts":
                entry[name] = tuple(parts)
            elif name == "of":
                entry[name] = parts[0]
            elif name == "map":
                entry[name] = self._map_place(value)
            else:
                entry[name] = value
        return entry, tuple(entry.values())

    def _map_place(self, rows: AxisMap) -> int:
        if rows not in self.map_places:
            self.map_places[rows] = len(self.maps)
            self.maps.append(_map(rows))
        return self.map_places[rows]


def _fields(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, without copies of what is in them."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _map(rows: AxisMap) -> dict[str, Any]:
    ends = zip(rows.indptr, rows.indptr[1:], strict=False)
    weights = rows.coefficients
    return {
        "size": rows.size,
        "counts": packed([end - start for start, end in ends]),
        "indices": packed(rows.indices),
        "coefficients": None if weights is None else packed(weights, steps=False),
    }


def _link(link: Link, tables: _Tables) -> dict[str, Any]:
    return {
        "layer": link.layer,
        "operand": tables.place_of(link.operand),
        "target": link.target,
        "use": None if link.use is None else _fields(link.use),
        "mark": link.mark,
        "on_paths": link.on_paths,
        "landing": None if link.landing is None else tables.place_of(link.landing),
    }
