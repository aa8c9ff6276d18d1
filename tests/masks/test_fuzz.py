"""A bounded run of the fuzz harness; `make fuzz` runs it for longer."""

import sys

import pytest
import torch

from tests.masks import checkpoints as make
from tests.masks.fuzz import Reader, Summary, allowed_bytes, fuzz

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")


def test_mutated_files_end_in_errors_or_masks():
    summary = fuzz(seconds=15, seed=0, most=600)
    assert not summary.faults, str(summary)
    assert {"CheckpointError", "masks"} <= summary.outcomes.keys()


@pytest.fixture(scope="module")
def reader():
    found = Reader()
    yield found
    found.close()


def test_the_largest_sparse_layer_stays_within_its_memory(reader, tmp_path):
    weight = make.sparse(3200)
    path = make.save_zip({"fc.weight": weight}, tmp_path / "net.pt")
    outcome, peak = reader.read(path)
    assert outcome == "MaskError"
    weight = make.sparse(3100)
    outcome, peak = reader.read(make.save_zip({"fc.weight": weight}, path))
    assert outcome == "masks"
    assert 4 * 3100**2 < peak < allowed_bytes(path.stat().st_size)


def test_many_large_views_of_one_storage(reader, tmp_path):
    base = torch.zeros(2_000_000)
    state = {f"{k}.weight": base[k : k + 1_900_000].reshape(1900, 1000) for k in range(30)}
    path = make.save_zip(state, tmp_path / "net.pt")
    outcome, peak = reader.read(path)
    assert outcome == "masks"
    assert peak < allowed_bytes(path.stat().st_size)


def test_the_summary_tells_faults():
    summary = Summary()
    summary.add("a", 10, "masks", 10**6, 0.1)
    assert not summary.faults
    summary.add("b", 10, "masks", 10**8, 0.1)
    summary.add("c", 10, "FAULT: crash", 0, 0.1)
    assert len(summary.faults) == 2
    assert "worst peak 100.0 MB" in str(summary)
