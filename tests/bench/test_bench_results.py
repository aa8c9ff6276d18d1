import dataclasses
import json
import math

import pytest

from masktopo.bench.results import FORMAT, Results, read_results, write_results
from masktopo.errors import ArgumentError
from tests.bench.timings import row, timing

RESULTS = Results(
    machine={"processor": "some", "versions": {"numpy": "2", "networkx": None}},
    settings={"threads": 1},
    rows=(
        row(bound=1e-6, difference=0.0),
        row("other", difference=1e-9, timing=timing(3.0, runs=1)),
        row("slow", status="skipped", note="about 9 s", timing=None),
    ),
)


def test_a_file_reads_back_as_it_was_written(tmp_path):
    write_results(RESULTS, tmp_path / "new" / "bench.json")
    assert read_results(tmp_path / "new" / "bench.json") == RESULTS


def test_nan_is_null_in_the_file_and_nan_again(tmp_path):
    unloaded = dataclasses.replace(timing(), load=math.nan)
    write_results(Results({}, {}, (row(timing=unloaded),)), tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["rows"][0]["timing"]["load"] is None
    assert math.isnan(read_results(tmp_path / "bench.json").rows[0].timing.load)


def test_the_schema_is_what_readers_rely_on(tmp_path):
    write_results(RESULTS, tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    assert list(content) == ["format", "machine", "settings", "rows"]
    assert content["format"] == FORMAT
    assert set(content["rows"][0]) == {
        *("suite", "task", "case", "network", "rule", "density", "edges", "implementation"),
        *("own", "status", "note", "difference", "bound", "timing"),
    }
    assert set(content["rows"][0]["timing"]) == {
        *("median", "low", "high", "cpu", "busiest", "runs", "load"),
    }


def _changed(tmp_path, change):
    write_results(RESULTS, tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    change(content)
    (tmp_path / "bench.json").write_text(json.dumps(content))
    return tmp_path / "bench.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="other"), "the format is 'other', expected"),
        (lambda c: c.pop("rows"), "missing or unknown: 'rows'"),
        (lambda c: c["rows"][0].pop("edges"), "missing or unknown: .*edges"),
        (lambda c: c["rows"][0].update(colour="red"), "missing or unknown: .*colour"),
        (lambda c: c["rows"][0]["timing"].pop("cpu"), "missing or unknown: 'cpu'"),
        (lambda c: c["rows"][0].update(status="fine"), "status 'fine'"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, change, message):
    with pytest.raises(ArgumentError, match=rf"bench\.json.*{message}"):
        read_results(_changed(tmp_path, change))


def test_a_missing_file_and_no_json_are_refused_by_name(tmp_path):
    with pytest.raises(ArgumentError, match=r"none\.json: No such file"):
        read_results(tmp_path / "none.json")
    (tmp_path / "bench.json").write_text("median 3")
    with pytest.raises(ArgumentError, match=r"bench\.json is no JSON file"):
        read_results(tmp_path / "bench.json")
    (tmp_path / "bench.json").write_text("[]")
    with pytest.raises(ArgumentError, match="the format is None"):
        read_results(tmp_path / "bench.json")
