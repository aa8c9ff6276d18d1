"""A wiring out of a JSON document that is not trusted.

Memory and time are bounded before anything is made: a few bytes can stand for a run of any
length, and a few views that refer to one another for a tree of any size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import Any

from masktopo.graphs.runs import Item, unpacked
from masktopo.graphs.strict_json import MOST, Place
from masktopo.graphs.views import AxisMap, Shape, View, children
from masktopo.graphs.wiring import MARKS, ROLES, LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.graphs.wiring_writer import FORMAT, OPERATIONS, VERSION
from masktopo.masks.layer import KINDS

__all__ = ["MOST_AXES", "MOST_DEEP", "MOST_NUMBERS", "MOST_VIEWS", "wiring_of"]

MOST_AXES = 32
"""Axes of a tensor."""

MOST_NUMBERS = 2**22
"""Numbers in all maps together, runs written out."""

MOST_DEEP = 128
"""Views within views."""

MOST_VIEWS = 2**20
"""Views in all links together, shared ones counted at each place where they are used."""


def wiring_of(whole: Place) -> Wiring:
    """Return the wiring that a document describes.

    Raises
    ------
    WiringFileError
        If it describes none; the message names the file and the place in it.
    """
    _check_version(whole)
    head, parts = ("format", "version", "assumed"), ("nodes", "layers", "unused")
    places = whole.fields(*head, *parts, "maps", "views", "links")
    _, _, assumed, nodes, layers, unused, maps, views, links = places
    tables = _Tables()
    for place in maps.items():
        tables.maps.append(_map(place, tables))
    for place in views.items():
        tables.add(place, _view(place, tables))
    records = (
        tuple(map(_node_set, nodes.items())),
        tuple(_link(place, tables) for place in links.items()),
        tuple(map(_layer, layers.items())),
    )
    with whole.blamed():
        return Wiring(*records, unused.texts(), assumed.flag())


def _check_version(whole: Place) -> None:
    if whole.field("format").value != FORMAT:
        whole.field("format").refuse(repr(FORMAT))
    version = whole.field("version")
    if version.integer() != VERSION:
        version.refuse(f"{VERSION}, which is the version that this masktopo reads")


@dataclass(eq=False)
class _Tables:
    """Maps and views read so far, and how much of each bound they have taken."""

    maps: list[AxisMap] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    extents: dict[int, tuple[int, int]] = field(default_factory=dict)
    numbers_left: int = MOST_NUMBERS
    views_left: int = MOST_VIEWS

    def add(self, place: Place, view: View) -> None:
        """Take a view, with its depth and the number of views in it."""
        inner = [self.extents[id(part)] for part in children(view)]
        depth = 1 + max((deep for deep, _ in inner), default=0)
        if depth > MOST_DEEP:
            place.blame(f"more than {MOST_DEEP} views within one another")
        # Beyond the bound the number does not matter, and could grow to any length.
        count = min(1 + sum(views for _, views in inner), MOST_VIEWS + 1)
        self.views.append(view)
        self.extents[id(view)] = depth, count

    def part(self, place: Place) -> View:
        """Return the earlier view that `place` names."""
        if not self.views:
            place.blame("names a view, but there is none before it")
        return self.views[place.integer(0, len(self.views) - 1)]

    def whole(self, place: Place) -> View:
        """Return the view that a link reads, if what all links read stays within the bound."""
        view = self.part(place)
        self.views_left -= self.extents[id(view)][1]
        if self.views_left < 0:
            place.blame(f"more than {MOST_VIEWS} views in all links together")
        return view

    def map_at(self, place: Place) -> AxisMap:
        """Return the map that `place` names."""
        if not self.maps:
            place.blame("names a map, but the file has none")
        return self.maps[place.integer(0, len(self.maps) - 1)]


def _map(place: Place, tables: _Tables) -> AxisMap:
    size, counts, indices, coefficients = place.fields("size", "counts", "indices", "coefficients")
    length = size.integer()
    rows = unpacked(_items(counts, tables))
    places = unpacked(_items(indices, tables))
    weights = None if coefficients.value is None else _weights(coefficients, tables)
    if min(rows, default=0) < 0 or sum(rows) != len(places):
        counts.blame(f"the counts must sum up to the {len(places)} indices")
    if min(places, default=0) < 0 or max(places, default=-1) >= length:
        indices.blame(f"the indices must lie in 0 to {length - 1}")
    if weights is not None and len(weights) != len(places):
        coefficients.blame(f"{len(weights)} coefficients for {len(places)} indices")
    return AxisMap(length, tuple(accumulate(rows, initial=0)), places, weights)


def _items(place: Place, tables: _Tables, *, whole: bool = True) -> list[Item[Any]]:
    """Return packed numbers of one type, after checks that runs written out stay in bounds."""
    taken = (int,) if whole else (int, float)
    for item in place.items():
        run = item.value if type(item.value) is list else [item.value, 0, 1]
        if len(run) != 3 or type(run[0]) not in taken or not _fits(run, whole):
            item.refuse(f"{'an integer' if whole else 'a number'} or a run [first, step, count]")
        tables.numbers_left -= run[2]
        if tables.numbers_left < 0:
            item.blame(f"more than {MOST_NUMBERS} numbers in all maps together")
    return list(place.value)


def _fits(run: list[Any], whole: bool) -> bool:
    first, step, count = run
    if type(step) not in (int, float) or type(count) is not int or count < 1:
        return False
    return type(step) is int and max(abs(first), abs(step)) <= MOST if whole else step == 0


def _weights(place: Place, tables: _Tables) -> tuple[float, ...]:
    weights = unpacked(_items(place, tables, whole=False))
    if not all(_is_weight(weight) for weight in weights):
        place.blame("coefficients must be finite and not 0")
    return tuple(map(float, weights))


def _is_weight(number: float) -> bool:
    return number != 0 and abs(number) <= 1e300


def _view(place: Place, tables: _Tables) -> View:
    operation = OPERATIONS[place.field("op").choice(tuple(OPERATIONS))]
    names = [each.name for each in fields(operation)]
    values = {
        name: _value(name, found, tables)
        for name, found in zip(names, place.fields("op", *names)[1:], strict=True)
    }
    with place.blamed():
        view = operation(**values)
    if math.prod(view.shape) > MOST:
        place.blame(f"more than {MOST} elements")
    return view


def _value(name: str, place: Place, tables: _Tables) -> Any:
    """Read one field of a view."""
    if name == "of":
        return tables.part(place)
    if name == "parts":
        return tuple(tables.part(item) for item in place.items())
    if name == "map":
        return tables.map_at(place)
    if name == "nodes":
        return place.text()
    if name == "axis":
        return place.integer(0, MOST_AXES)
    return _shape(place)


def _shape(place: Place) -> Shape:
    """Read a shape, or an order of axes."""
    shape = place.integers()
    if len(shape) > MOST_AXES or math.prod(shape) > MOST:
        place.refuse(f"at most {MOST_AXES} axes and {MOST} elements")
    return shape


def _node_set(place: Place) -> NodeSet:
    name, shape, axes, role = place.fields("name", "shape", "channel_axes", "role")
    with place.blamed():
        return NodeSet(name.text(), _shape(shape), _axes(axes), role.choice(ROLES))


def _axes(place: Place) -> tuple[int, ...]:
    axes = place.integers(0, MOST_AXES)
    if len(set(axes)) < len(axes):
        place.refuse("axes that differ")
    return axes


def _layer(place: Place) -> LayerSpec:
    name, shape, kind, groups, aliases = place.fields("name", "shape", "kind", "groups", "aliases")
    values = name.text(), _shape(shape), kind.choice(tuple(KINDS)), groups.integer(1)
    if len(values[1]) != KINDS[values[2]]:
        shape.refuse(f"the {KINDS[values[2]]} axes of a {values[2]}")
    return LayerSpec(*values, aliases.texts())


def _link(place: Place, tables: _Tables) -> Link:
    names = "layer", "operand", "target", "use", "mark", "on_paths", "landing"
    layer, operand, target, use, mark, on_paths, landing = place.fields(*names)
    with place.blamed():
        return Link(
            None if layer.value is None else layer.text(),
            tables.whole(operand),
            target.text(),
            None if use.value is None else _use(use),
            mark.choice(MARKS),
            on_paths.flag(),
            None if landing.value is None else tables.whole(landing),
        )


def _use(place: Place) -> Use:
    names = "kind", "groups", "stride", "padding", "dilation", "rows"
    kind, groups, stride, padding, dilation, rows = place.fields(*names)
    with place.blamed():
        return Use(
            kind.choice(tuple(KINDS)),
            groups.integer(1),
            stride.integers(1),
            padding.integers(-MOST),
            dilation.integers(1),
            None if rows.value is None else _rows(rows),
        )


def _rows(place: Place) -> tuple[int, int]:
    found: Sequence[int] = place.integers()
    if len(found) != 2 or found[0] > found[1]:
        place.refuse("the first row and the one behind the last")
    return found[0], found[1]
