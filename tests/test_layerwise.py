import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import masktopo
from masktopo.errors import MaskError, RunError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.registry import FAMILIES

LAYERWISE = [name for name, family in FAMILIES.items() if family.layerwise]


def network(seed=0, *, weighted=True):
    rng = np.random.default_rng(seed)
    shapes = {"conv": (12, 4, 3, 3), "apart": (12, 12, 1, 1), "gone": (6, 5), "fc": (10, 12)}
    layers = []
    for name, shape in shapes.items():
        mask = rng.random(shape) < (0 if name == "gone" else 0.4)
        if name == "apart":
            mask = np.eye(12, dtype=bool).reshape(shape)
        weight = rng.standard_normal(shape).astype(np.float32)
        known = weighted or name != "fc"
        layers.append(LayerMask(name, mask, weight if known else None, kind=kind_of(shape)))
    return MaskSet(layers)


def kind_of(shape):
    return "conv2d" if len(shape) == 4 else "linear"


def on_demand(masks, *, reads=None):
    """Give the layers of a set one at a time, noting each reading."""

    def reader(name):
        def read():
            if reads is not None:
                reads.append(name)
            return masks[name]

        return read

    return MaskSet.on_demand([(name, reader(name)) for name in masks], source=masks.source)


def assert_same(found, expected):
    pd.testing.assert_frame_equal(found.layers, expected.layers, check_exact=True)
    pd.testing.assert_series_equal(found.network, expected.network, check_exact=True)
    assert found.notes == expected.notes


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_layers_in_turn_give_the_same_report_as_all_at_once(weighted, threads):
    masks = network(weighted=weighted)
    expected = masktopo.analyze(masks)
    assert_same(masktopo.analyze(on_demand(masks), threads=threads), expected)
    assert any("layer collapse): gone" in note for note in expected.notes)
    assert any("disconnected: apart" in note for note in expected.notes)


def test_a_reference_goes_with_its_layers():
    masks, reference = network(0), network(1)
    options = {"metrics": "spectral", "reference": reference}
    expected = masktopo.analyze(masks, **options)
    assert_same(masktopo.analyze(on_demand(masks), **options), expected)
    other = MaskSet(layer for name, layer in reference.items() if name != "fc")
    with pytest.raises(MaskError, match=r"only .* has fc"):
        masktopo.analyze(on_demand(masks), metrics="spectral", reference=other)


@pytest.mark.parametrize("threads", [1, 2])
def test_few_layers_are_in_memory_at_a_time(threads):
    reads, masks = [], network()
    masktopo.analyze(on_demand(masks, reads=reads), metrics=LAYERWISE, threads=threads)
    # Once for the number of weights, for whether they are known and for the digest, and once for
    # all families together.
    assert reads[-len(masks) :] == list(masks)
    assert len(reads) == 4 * len(masks)


def test_the_bar_counts_weights_and_names_the_layer(capsys):
    masks = network()
    masktopo.analyze(on_demand(masks), metrics="density", progress=True)
    shown = capsys.readouterr().err
    assert f"{masks.size}/{masks.size}" in shown
    assert "fc" in shown
    masktopo.analyze(on_demand(masks), metrics="density", progress=False)
    masktopo.analyze(masks, metrics="density", progress=True)  # quick, and so without a bar
    assert capsys.readouterr().err == ""


def test_an_analysis_that_was_stopped_goes_on(tmp_path, monkeypatch):
    masks, path = network(), tmp_path / "report.partial"
    whole = masktopo.analyze(masks, metrics=LAYERWISE)
    families = [FAMILIES[name] for name in LAYERWISE]
    measured = []
    for family in families:
        counted = family.measure

        def measure(subject, counted=counted):
            measured.extend(subject.masks)
            if len(measured) > 2 * len(families):
                raise KeyboardInterrupt
            return counted(subject)

        monkeypatch.setitem(family.__dict__, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        masktopo.analyze(masks, metrics=LAYERWISE, partial=path)
    monkeypatch.undo()
    kept = path.read_text().splitlines()
    assert [json.loads(line)["layer"] for line in kept[1:]] == ["conv", "apart"]
    # A line cut short by the interruption is measured anew.
    path.write_text("\n".join(kept) + '\n{"layer": "gone", "fou')
    reads = []
    again = on_demand(masks, reads=reads)
    assert_same(masktopo.analyze(again, metrics=LAYERWISE, partial=path), whole)
    assert reads[-2:] == ["gone", "fc"]
    reads.clear()
    assert_same(masktopo.analyze(again, metrics=LAYERWISE, partial=path), whole)
    assert reads == list(masks)  # for the digest of the weights; none is measured again


def test_another_analysis_is_refused(tmp_path):
    path = tmp_path / "report.partial"
    masktopo.analyze(network(), metrics="density", partial=path)
    with pytest.raises(RunError, match="metrics: 'density' there, 'density, degrees' here"):
        masktopo.analyze(network(), metrics="degrees", partial=path)
    with pytest.raises(RunError, match=r"digest: '.*' there, '.*' here"):
        masktopo.analyze(network(1), metrics="density", partial=path)


@pytest.mark.parametrize("text", ['{\n "a": 1\n}', "mine", "mine\nand mine", "[]\n", "\xff\n"])
def test_a_file_of_somebody_else_stays_as_it_is(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"mine.json is no file of an analysis that was stopped"):
        masktopo.analyze(network(), metrics="density", partial=path)
    assert path.read_bytes() == text.encode("latin-1")


def test_another_analysis_is_not_even_repaired(tmp_path):
    path = tmp_path / "report.partial"
    masktopo.analyze(network(), metrics="density", partial=path)
    path.write_text(path.read_text() + "torn")
    before = path.read_text()
    with pytest.raises(RunError, match="of another analysis"):
        masktopo.analyze(network(1), metrics="density", partial=path)
    assert path.read_text() == before


def test_a_folder_is_no_partial_file(tmp_path):
    with pytest.raises(RunError, match=r"partial='.*' is a folder"):
        masktopo.analyze(network(), metrics="density", partial=tmp_path)


def test_an_empty_file_is_begun(tmp_path):
    path = tmp_path / "report.partial"
    path.touch()
    masktopo.analyze(network(), metrics="density", partial=path)
    assert len(path.read_text().splitlines()) == 1 + len(network())


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"shape": ["a"]},
        {"shape": [6, 5]},
        {"shape": [6, 5], "density": 3},
        {"shape": [6, 5], "density": {"columns": {}, "remarks": []}},
    ],
)
def test_a_record_that_lacks_values_is_named_with_its_layer(tmp_path, found):
    path = tmp_path / "report.partial"
    masktopo.analyze(network(), metrics="density", partial=path)
    line = json.dumps({"layer": "gone", "found": found})
    path.write_text(path.read_text().split("\n")[0] + f"\n{line}\n")
    with pytest.raises(RunError, match=r"report.partial: values of layer 'gone' are missing"):
        masktopo.analyze(network(), metrics="density", partial=path)


@pytest.mark.parametrize(
    "line",
    ["no json", '{"layer": "fc"}', "7", "[]", '{"layer": "fc", "found": 3}', '{"layer": [1]}'],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "report.partial"
    masktopo.analyze(network(), metrics="density", partial=path)
    path.write_text(path.read_text().split("\n")[0] + f"\n{line}\n")
    with pytest.raises(RunError, match=r"report.partial, line 2 is damaged: .*; remove the file"):
        masktopo.analyze(network(), metrics="density", partial=path)


def doubled(masks):
    return {name: layer.weight * 2 for name, layer in masks.items()}


def test_other_weights_are_another_analysis(tmp_path):
    masks, path = network(), tmp_path / "report.partial"
    options = {"metrics": "density", "partial": path}
    masktopo.analyze(masks, **options, weights=doubled(masks))
    masktopo.analyze(on_demand(masks), **options, weights=doubled(masks))
    with pytest.raises(RunError, match=r"weights_digest: '.*' there, '.*' here"):
        masktopo.analyze(masks, **options, weights={n: w * 2 for n, w in doubled(masks).items()})


def test_other_weights_of_the_reference_are_another_analysis(tmp_path):
    masks, reference = network(0), network(1)
    options = {"metrics": "density", "partial": tmp_path / "report.partial"}
    masktopo.analyze(masks, **options, reference=reference)
    with pytest.raises(RunError, match="reference_weights"):
        masktopo.analyze(masks, **options, reference=reference.with_weights(doubled(reference)))


def test_other_groups_are_another_analysis(tmp_path):
    masks, options = network(), {"metrics": "degrees", "partial": tmp_path / "report.partial"}
    masktopo.analyze(masks, **options)
    grouped = [
        replace(layer, groups=2) if layer.kind == "conv2d" else layer for layer in masks.values()
    ]
    with pytest.raises(RunError, match=r"kinds_and_groups: '.*' there, '.*' here"):
        masktopo.analyze(MaskSet(grouped), **options)
    options["partial"] = tmp_path / "other.partial"
    masktopo.analyze(masks, **options, reference=masks)
    guessed = MaskSet(replace(layer, assumed=True) for layer in masks.values())
    with pytest.raises(RunError, match=r"another analysis: reference_kinds: '.*' there, '.*' here"):
        masktopo.analyze(masks, **options, reference=guessed)
