"""Wirings as files: nothing is lost, and nothing but a wiring is read."""

import contextlib
import json
import random
import tracemalloc
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import masktopo
from masktopo.errors import MasktopoError, WiringFileError
from masktopo.graphs import wiring_file
from masktopo.graphs.build import multipartite
from masktopo.graphs.edges import FACTORS
from masktopo.graphs.view_flow import carried
from masktopo.graphs.views import OUTPUT, Along, AxisMap, Read, Reshape, Sum, restricted
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.graphs.wiring_file import load_wiring, save_wiring
from tests.naive.random_networks import random_chain, random_network
from tests.naive.random_views import random_wiring

DRAWS = (random_wiring, random_network, random_chain)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("wirings") / "net.json"


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32), draw=st.sampled_from(DRAWS))
def test_what_was_saved_is_loaded(path, seed, draw):
    masks, wiring = draw(seed)
    save_wiring(wiring, path)
    loaded = load_wiring(path)
    assert loaded == wiring
    assert_same_graphs(masks, wiring, loaded)


def assert_same_graphs(masks, first, second):
    # The other draws know channels only.
    for encoding in ("channel", "unrolled") if "far" in first.unused else ("channel",):
        graphs = [multipartite(masks, wiring=w, encoding=encoding) for w in (first, second)]
        np.testing.assert_array_equal(graphs[0].offsets, graphs[1].offsets)
        for one, other in zip(graphs[0].blocks, graphs[1].blocks, strict=True):
            assert (one.link, one.layer, one.mark, one.on_paths, one.source, one.target) == (
                (other.link, other.layer, other.mark, other.on_paths, other.source, other.target)
            )
            np.testing.assert_array_equal(one.edges.indptr, other.edges.indptr)
            np.testing.assert_array_equal(one.edges.indices, other.edges.indices)
            for kind in FACTORS:
                found = one.edges.factors(kind), other.edges.factors(kind)
                np.testing.assert_array_equal(*found)


def test_the_methods_and_the_public_name(tmp_path):
    _, wiring = random_network(3)
    wiring.save(tmp_path / "deep" / "net.json")
    assert masktopo.load_wiring(str(tmp_path / "deep" / "net.json")) == wiring


def test_equal_wirings_give_equal_bytes(tmp_path):
    for name in "ab":
        random_wiring(7)[1].save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numbers_of_numpy_are_numbers(tmp_path):
    size = np.int64(3)
    x = NodeSet("x", (1, size), (np.int64(1),), "input")
    y = NodeSet("y", (1, 3), (1,), "output")
    wiring = Wiring((x, y), (Link(None, Read("x", (1, size)), "y", mark="skip"),), ())
    wiring.save(tmp_path / "net.json")
    assert load_wiring(tmp_path / "net.json") == wiring


def chained(layers, size, pooled):
    """Wire residual blocks of one shape: views share parts, and maps come again and again."""
    shape, windows = (1, 4, size, size), AxisMap.rows(size, [[0, 1]] * size, [[0.5, 0.5]] * size)
    nodes, links, specs = [NodeSet("x", shape, (1,), "input")], [], []
    view = Read("x", shape)
    for index in range(layers):
        name, before = f"stage.{index}.conv", nodes[-1].name
        view = Read(before, shape)
        if pooled:
            view = Along(Along(view, 2, windows), 3, windows)
        use = Use("conv2d", 1, (1, 1), (1, 1), (1, 1))
        links += [Link(name, view, name, use), Link(None, view, name, mark="skip")]
        nodes.append(NodeSet(name, shape, (1,), "hidden" if index < layers - 1 else "output"))
        specs.append(LayerSpec(name, (4, 4, 3, 3), "conv2d"))
    return Wiring(tuple(nodes), tuple(links), tuple(specs))


def test_files_are_short(tmp_path):
    chained(161, 112, pooled=True).save(tmp_path / "net.json")
    assert (tmp_path / "net.json").stat().st_size < 120_000
    text = json.loads((tmp_path / "net.json").read_text())
    assert len(text["maps"]) == 1
    assert len(text["views"]) == 3 * 161


def nested(depth):
    shape = (1, 2)
    view = Read("x", shape)
    for at in range(depth - 1):
        view = Reshape(view, shape if at % 2 else (2, 1))
    return with_view(Reshape(view, shape))


def with_view(view):
    x, y = NodeSet("x", (1, 2), (1,), "input"), NodeSet("y", view.shape, (1,), "output")
    return Wiring((x, y), (Link(None, view, "y", mark="skip"),), ())


def doubled(times):
    view = Read("x", (1, 2))
    for _ in range(times):
        view = Sum((view, view))
    return view


def test_what_could_not_be_read_is_not_written(tmp_path):
    path = tmp_path / "net.json"
    nested(127).save(path)
    before = path.read_bytes()
    for wiring, message in [
        (nested(128), r"cannot be saved as .*net.json: views\[128\]: more than 128 views within"),
        (with_view(Along(Read("x", (1, 2)), 1, AxisMap.rows(2, [[0]], [[np.nan]]))), "NaN is no"),
    ]:
        with pytest.raises(WiringFileError, match=message):
            wiring.save(path)
        assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.json"]


@pytest.fixture
def document(tmp_path):
    """A document with every kind of entry, as plain values."""
    x, y = NodeSet("x", (1, 4), (1,), "input"), NodeSet("y", (1, 2), (1,), "output")
    pool = Along(Read("x", (1, 4)), 1, AxisMap.rows(4, [[0, 1], [2, 3]], [[0.5, 0.5]] * 2))
    links = Link("y", pool, "y", Use("linear")), Link(None, pool, "y", mark="skip")
    Wiring((x, y), links, (LayerSpec("y", (2, 2), "linear"),)).save(tmp_path / "good.json")
    return json.loads((tmp_path / "good.json").read_text())


def changed(document, where, value):
    """Put `value` at a place of a document; `del` takes the field away."""
    inner = document
    for step in where[:-1]:
        inner = inner[step]
    if value is del_:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    return document


del_ = object()

FAULTS = [
    (["format"], "other", r"format: found 'other', expected 'masktopo wiring'"),
    (["format"], del_, "the file: found {.*}, expected an object with the field format"),
    (["version"], 2, "version: found 2, expected 1, which is the version that this"),
    (["version"], True, "version: found True, expected an integer"),
    (["assumed"], 0, "assumed: found 0, expected true or false"),
    (["links"], del_, "the file: .*expected an object with the fields format, version, assumed"),
    (["extra"], 1, "the file: .*expected an object with the fields format, version, assumed"),
    (["nodes"], {}, r"nodes: found {}, expected a list"),
    (["nodes", 0], [], r"nodes\[0\]: found \[\], expected an object with the fields name, shape"),
    (["nodes", 0, "name"], 3, r"nodes\[0\].name: found 3, expected text"),
    (["nodes", 0, "name"], "\ud800", r"nodes\[0\].name: found '\\ud800', expected text"),
    (["nodes", 0, "shape"], [1, -4], r"nodes\[0\].shape\[1\]: found -4, expected an integer fr"),
    (["nodes", 0, "shape"], [1, 4.0], r"nodes\[0\].shape\[1\]: found 4.0, expected an integer"),
    (["nodes", 0, "shape"], [2**30] * 2, r"nodes\[0\].shape: .*expected at most 32 axes and"),
    (["nodes", 0, "shape"], [1] * 33, r"nodes\[0\].shape: .*expected at most 32 axes and"),
    (["nodes", 0, "shape"], [1, 10**40], r"shape\[1\]: found 1000.*, expected an integer from"),
    (["nodes", 0, "shape"], [1, 5], r"the file: layer 'y' reads node set 'x' of shape \(1, 5\)"),
    (["nodes", 0, "channel_axes"], [2], r"nodes\[0\]: node set 'x' of shape .* has no axes"),
    (["nodes", 0, "channel_axes"], [1, 1], r"channel_axes: .*expected axes that differ"),
    (["nodes", 0, "role"], "sink", r"nodes\[0\].role: found 'sink', expected one of input"),
    (["nodes", 0, "role"], ["input"], r"nodes\[0\].role: .*, expected one of input, hidden"),
    (["nodes", 1, "name"], "x", "the file: two node sets are named 'x'"),
    (["layers", 0, "kind"], "lstm", r"layers\[0\].kind: found 'lstm', expected one of linear"),
    (["layers", 0, "kind"], "conv2d", r"layers\[0\].shape: .*expected the 4 axes of a conv2d"),
    (["layers", 0, "groups"], 0, r"layers\[0\].groups: found 0, expected an integer from 1"),
    (["layers", 0, "aliases"], "tied", r"layers\[0\].aliases: found 'tied', expected a list"),
    (["layers"], [], "the file: the wiring's layers do not fit its links"),
    (["unused"], [None], r"unused\[0\]: found None, expected text"),
    (["maps", 0, "size"], 3, r"maps\[0\].indices: the indices must lie in 0 to 2"),
    (["maps", 0, "indices"], [0, 1, 2, -3], r"maps\[0\].indices: the indices must lie in 0 to 3"),
    (["maps", 0, "counts"], [3, 3], r"maps\[0\].counts: the counts must sum up to the 4 indices"),
    (["maps", 0, "counts"], [5, -1], r"maps\[0\].counts: the counts must sum up to the 4"),
    (["maps", 0, "indices"], [[0, 1, 2**60]], r"indices\[0\]: more than 4194304 numbers in all"),
    (["maps", 0, "indices"], [[0, 1, -4]], r"indices\[0\]: found .*expected an integer or a run"),
    (["maps", 0, "indices"], [[0, 0.5, 4]], r"indices\[0\]: found .*expected an integer or a run"),
    (["maps", 0, "indices"], [[0, 4]], r"indices\[0\]: found .*expected an integer or a run"),
    (["maps", 0, "indices"], ["0"], r"indices\[0\]: found '0', expected an integer or a run"),
    (["maps", 0, "coefficients"], [[0.5, 0, 3]], "3 coefficients for 4 indices"),
    (["maps", 0, "coefficients"], [[0.5, 1, 4]], r"coefficients\[0\]: .*expected a number or a"),
    (["maps", 0, "coefficients"], [0.5, 0.5, 0.5, 0], "must be finite and not 0"),
    (["maps", 0, "coefficients"], [0.5, 0.5, 0.5, 1e308 * 10], "Infinity is no number"),
    (["maps", 0, "coefficients"], [0.5, 0.5, 0.5, 10**400], "must be finite and not 0"),
    (["maps"], [], r"views\[1\].map: names a map, but the file has none"),
    (["views", 0, "op"], "exec", r"views\[0\].op: found 'exec', expected one of read, blank"),
    (["views", 0, "op"], del_, r"views\[0\]: found .*expected an object with the field op"),
    (["views", 0, "of"], 0, r"views\[0\]: found .*expected an object with the fields op, nodes"),
    (["views", 1, "of"], 1, r"views\[1\].of: found 1, expected an integer from 0 to 0"),
    (["views", 1, "axis"], 0, r"views\[1\]: a map of 4 inputs does not fit axis 0 of \(1, 4\)"),
    (["views", 1, "map"], 1, r"views\[1\].map: found 1, expected an integer from 0 to 0"),
    (["views"], [], r"links\[0\].operand: names a view, but there is none before it"),
    (["links", 0, "operand"], -1, r"links\[0\].operand: found -1, expected an integer from 0 to"),
    (["links", 0, "layer"], "z", "the file: the wiring's layers do not fit its links"),
    (["links", 0, "use"], None, r"links\[0\]: .* must have a layer, its use and the mark"),
    (["links", 0, "mark"], "own", r"links\[0\].mark: found 'own', expected one of layer, skip"),
    (["links", 0, "on_paths"], None, r"links\[0\].on_paths: found None, expected true or false"),
    (["links", 0, "target"], "z", "the file: layer 'y' names node set 'z', which does not exist"),
    (["links", 0, "use", "stride"], [1], r"links\[0\].use: a linear has 0 kernel axes"),
    (["links", 0, "use", "groups"], 1.5, r"links\[0\].use.groups: found 1.5, expected an integer"),
    (["links", 0, "use", "rows"], [2, 1], r"use.rows: .*expected the first row and the one beh"),
    (["links", 0, "landing"], {}, r"links\[0\].landing: found {}, expected an integer from 0"),
    (["links", 0, "landing"], 0, r"the landing of layer 'y' must read a layer's output only"),
    (["links", 1, "landing"], 0, r"the landing of the skip to 'y' must read a layer's output"),
]


@pytest.mark.parametrize(("where", "value", "message"), FAULTS)
def test_a_fault_is_named_with_its_place(tmp_path, document, where, value, message):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(changed(document, where, value)))
    with pytest.raises(WiringFileError, match=f"net.json: .*{message}"):
        load_wiring(path)


def test_a_landing_has_one_output(tmp_path, document):
    document["views"] += [
        {"op": "read", "nodes": "", "shape": [1, 2]},
        {"op": "read", "nodes": "", "shape": [2, 1]},
        {"op": "reshape", "of": 3, "shape": [1, 2]},
        {"op": "sum", "parts": [2, 4]},
    ]
    document["links"][0]["landing"] = 5
    path = tmp_path / "net.json"
    path.write_text(json.dumps(document))
    with pytest.raises(WiringFileError, match=r"landing of layer 'y' reads its output as \[\(1, 2"):
        load_wiring(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no valid JSON, or truncated"),
        (b"\x80\x02}q", "no valid JSON, or truncated: 'utf-8' codec"),
        (b"[" * 100_000, "no valid JSON, or truncated: maximum recursion depth"),
        (b'{"a":' * 100_000, "no valid JSON, or truncated: maximum recursion depth"),
        (b'{"a": 1, "a": 2}', "an object has the field 'a' twice"),
        (b'{"format": NaN}', "NaN is no number"),
        (b"9" * 5000, "no valid JSON, or truncated: Exceeds the limit"),
        (b"[]", "expected an object with the field format"),
        (b"null", "found None, expected an object with the field format"),
    ],
)
def test_what_is_no_document(tmp_path, data, message):
    (tmp_path / "net.json").write_bytes(data)
    with pytest.raises(WiringFileError, match=f"net.json: the file: .*{message}"):
        load_wiring(tmp_path / "net.json")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(WiringFileError, match=r"net\.json: No such file"):
        load_wiring(tmp_path / "net.json")
    with pytest.raises(OSError, match="Is a directory"):
        load_wiring(tmp_path)


def test_files_beyond_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(wiring_file, "MOST_BYTES", 100)
    (tmp_path / "net.json").write_bytes(b" " * 101)
    with pytest.raises(WiringFileError, match="more than 100 bytes, which no wiring takes"):
        load_wiring(tmp_path / "net.json")


def bombs(document):
    """Yield documents of a few kilobytes that stand for something huge."""
    views = list(document["views"])
    doubling = [{"op": "sum", "parts": [at, at]} for at in range(1, 200)]
    yield {
        **document,
        "views": views + doubling,
        "links": [{**document["links"][0], "operand": 60}],
    }
    joins = [{"op": "join", "parts": [at, at], "axis": 1} for at in range(1, 200)]
    yield {**document, "views": views + joins}
    blank = {"op": "blank", "shape": [2**24, 2**24]}
    yield {**document, "views": [*views, blank, {"op": "join", "parts": [2, 2], "axis": 0}]}
    yield {**document, "maps": [{**document["maps"][0], "counts": [[0, 0, 2**40]]}]}
    zeros = {"size": 1, "counts": [[0, 0, 2**21]], "indices": [], "coefficients": None}
    yield {**document, "maps": [zeros, zeros, zeros]}


def test_bombs_are_small_when_they_go_off(tmp_path, document):
    for number, bomb in enumerate(bombs(document)):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(bomb))
        tracemalloc.start()
        with pytest.raises(WiringFileError, match=rf"{number}.json: \w+\[\d+\].*: more than"):
            load_wiring(path)
        assert tracemalloc.get_traced_memory()[1] < 2e8
        tracemalloc.stop()


VALUES = (None, True, -1, 0, 3, 2**70, 0.5, 1e400, "", "x", "y", [], {}, [0], [0, 1, 2**50])


def places(value, path=()):
    """Yield the path of every value within a document, and the value."""
    yield path, value
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            yield from places(item, (*path, key))


def build_or_refuse(path, masks):
    """A graph is built from the file, or one of masktopo's own errors says why not."""
    with contextlib.suppress(MasktopoError):
        multipartite(masks, wiring=load_wiring(path))


@pytest.mark.filterwarnings("ignore::masktopo.errors.MasktopoWarning")
@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_changed_values_never_end_in_a_foreign_error(path, seed):
    rng = random.Random(seed)
    masks, wiring = rng.choice(DRAWS)(seed)
    wiring.save(path)
    document = json.loads(path.read_text())
    for _ in range(rng.randint(1, 3)):
        found = list(places(document))[1:]
        where, _ = rng.choice(found)
        alike = [value for path, value in found if path[-1] == where[-1]]
        document = changed(document, where, deepcopy(rng.choice([*VALUES, *alike, *alike])))
    path.write_text(json.dumps(document))
    build_or_refuse(path, masks)


@pytest.mark.filterwarnings("ignore::masktopo.errors.MasktopoWarning")
@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_changed_bytes_never_end_in_a_foreign_error(path, seed):
    rng = random.Random(seed)
    masks, wiring = rng.choice(DRAWS)(seed)
    wiring.save(path)
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.choice(b'0123456789[]{},:"-.eE tfn\x00\xff')
        elif kind == 1:
            del data[at : at + rng.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        else:
            del data[max(at, 1) :]
    Path(path).write_bytes(data)
    build_or_refuse(path, masks)


PAGE = (Path(__file__).parents[2] / "docs" / "wiring-file.md").read_text()


def test_the_file_on_the_page_is_read(path):
    path.write_text(PAGE.split("```json\n")[1].split("```")[0])
    wiring = load_wiring(path)
    assert wiring.layer_names == ("conv", "fc")
    before = path.read_text()
    save_wiring(wiring, path)
    assert path.read_text() == before


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_the_reader_on_the_page_reads_what_links_read(path, seed):
    page = {}
    exec(PAGE.split("```python\n")[1].split("```")[0], page)
    _, wiring = random_wiring(seed)
    save_wiring(wiring, path)
    document = json.loads(path.read_text())
    for entry in document["maps"]:
        # What values are carried by are absolute coefficients.
        weights = entry["coefficients"]
        entry["coefficients"] = weights and [abs(one) for one in page["numbers"](weights)]
    rng = np.random.default_rng(seed)
    values = {nodes.name: rng.random(nodes.size) for nodes in wiring.nodes}
    for view in document["views"]:
        if view.get("nodes") == OUTPUT:
            view["op"] = "blank"
    tensors = page["tensors"](document, values)
    for link, entry in zip(wiring.links, document["links"], strict=True):
        parts = [
            carried(restricted(link.operand, name), values[name], "l1") for name in link.sources
        ]
        np.testing.assert_allclose(tensors[entry["operand"]], sum(parts), rtol=1e-12)
