"""One worker, four workers, a Dask cluster, merged shards: the same result."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from masktopo.errors import ArgumentError, RunError
from masktopo.sampling import draws, opening
from masktopo.sampling.sampler import pags, pags_shard
from masktopo.sampling.work import Work
from masktopo.training.folder import with_checksum
from tests.sampling.test_pags import assert_same

needs_sigkill = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

SETTINGS = {"density": 0.3, "samples": 10, "batches": 2, "batch_size": 8, "rng": 7}
WAYS = [{}, {"pool": 5}, {"method": "synflow", "rounds": 3, "noise": 0.05}]


@pytest.mark.parametrize("way", WAYS, ids=["afresh", "pool", "synflow"])
def test_workers_give_what_one_process_gives(tmp_path, model, data, way):
    options = {**SETTINGS, **way}
    whole = pags(model, data, **options)
    assert len(set(whole.winners)) > 1
    assert_same(pags(model, data, **options, n_jobs=4, out=tmp_path / "run"), whole)
    lines = (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(11))


def test_workers_do_not_take_one_run_for_another(model, data):
    # Two scores of one name and length, so that nothing but their code tells the runs apart.
    scores = [lambda found: found.values[:, 1], lambda found: found.values[:, 3]]
    for column, score in zip(("weighted_spectral_gap", "imsg"), scores, strict=True):
        history = pags(model, data, **SETTINGS, score=score, n_jobs=4).history
        np.testing.assert_array_equal(history["score"], history[column])


@pytest.mark.parametrize("way", WAYS[:2], ids=["afresh", "pool"])
def test_shards_are_merged_into_the_same_result(tmp_path, model, data, way):
    options = {**SETTINGS, **way}
    whole = pags(model, data, **options)
    for place in (3, 1):
        pags_shard(model, data, shard=(place, 3), out=tmp_path, **options)
    with pytest.raises(RunError, match=r"lacks 4 of 11 candidates, the first of them 1; are all"):
        pags(model, data, **options, out=tmp_path, merge=True)
    assert pags_shard(model, data, shard=(2, 3), out=tmp_path, **options) == 11
    assert_same(pags(model, data, **options, out=tmp_path, merge=True), whole)


def test_a_shard_goes_on_and_leaves_the_others_files_alone(tmp_path, model, data, monkeypatch):
    pags_shard(model, data, shard=(2, 2), out=tmp_path, **SETTINGS)
    other = tmp_path / "candidates-2-of-2.jsonl"
    with other.open("a") as file:
        file.write('{"index": 4, "dig')  # its process is writing
    before = other.read_text()
    choose, drawn = Work.choose, []

    def count(self, index):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(index)
        return choose(self, index)

    monkeypatch.setattr(Work, "choose", count)
    with pytest.raises(KeyboardInterrupt):
        pags_shard(model, data, shard=(1, 2), out=tmp_path, **SETTINGS)
    monkeypatch.setattr(Work, "choose", choose)
    assert pags_shard(model, data, shard=(1, 2), out=tmp_path, **SETTINGS) == 11
    assert other.read_text() == before
    own = (tmp_path / "candidates-1-of-2.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in own] == [0, 2, 4, 6, 8, 10]
    other.write_text(before[: before.rfind("\n") + 1])
    assert_same(
        pags(model, data, **SETTINGS, out=tmp_path, merge=True), pags(model, data, **SETTINGS)
    )


def test_a_merge_of_shards_that_disagree_is_an_error(tmp_path, model, data):
    for place in (1, 2):
        pags_shard(model, data, shard=(place, 2), out=tmp_path, **SETTINGS)
    lines = tmp_path / "candidates-2-of-2.jsonl"
    record = json.loads(lines.read_text().splitlines()[0])
    del record["checksum"]
    record["digest"] = "0" * 64
    forged = json.dumps(with_checksum(record))
    (tmp_path / "candidates-9-of-9.jsonl").write_text(forged + "\n")
    with pytest.raises(RunError, match=r"line 1: candidate 1 is mask 0000.*, but .* elsewhere"):
        pags(model, data, **SETTINGS, out=tmp_path, merge=True)


@pytest.mark.parametrize(
    "other",
    [{"rng": 8}, {"density": 0.2}, {"reference": "dense"}, {"samples": 40}, {"score": "imsg"}],
)
def test_shards_of_another_run_are_refused(tmp_path, model, data, other):
    pags_shard(model, data, shard=(1, 2), out=tmp_path / "run", **SETTINGS)
    pags_shard(model, data, shard=(2, 2), out=tmp_path / "other", **{**SETTINGS, **other})
    for name in ("candidates-2-of-2.jsonl", "explored-2-of-2.npy"):
        shutil.copy(tmp_path / "other" / name, tmp_path / "run")
    message = r"candidates-2-of-2\.jsonl, line 1 is candidate 1 of a run of other settings"
    with pytest.raises(RunError, match=message):
        pags(model, data, **SETTINGS, out=tmp_path / "run", merge=True)


def test_shards_of_folders_of_their_own_are_merged_in_a_new_one(tmp_path, model, data):
    (tmp_path / "run").mkdir()
    for place in (1, 2):
        pags_shard(model, data, shard=(place, 2), out=tmp_path / str(place), **SETTINGS)
        for path in (tmp_path / str(place)).glob("*-of-2.*"):
            shutil.copy(path, tmp_path / "run")
    merged = pags(model, data, **SETTINGS, out=tmp_path / "run", merge=True)
    assert_same(merged, pags(model, data, **SETTINGS))


POOLED_SCRIPT = """
import sys, time
import torch
from torch import nn
from masktopo.data import TensorData
from masktopo.sampling import opening
from masktopo.sampling.sampler import pags_shard

class Slow(nn.ReLU):
    def forward(self, x):
        time.sleep(0.1)
        return super().forward(x)

torch.manual_seed(5)
model = nn.Sequential(nn.Linear(12, 24), Slow(), nn.Linear(24, 16), nn.Linear(16, 4))
inputs = torch.randn((90, 12), generator=torch.Generator().manual_seed(1))
data = TensorData(inputs, torch.arange(90) % 4, 4, "made up")
opening.MOST_BYTES = 0
place, out = int(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
input()
pags_shard(model, data, shard=(place, 2), out=out, density=0.3, samples=10, batches=2,
           batch_size=8, rng=7, pool=8)
"""


def test_shards_fill_one_pool_at_the_same_time(tmp_path, model, data):
    shards = [
        subprocess.Popen(
            [sys.executable, "-c", POOLED_SCRIPT, str(place), str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in (1, 2)
    ]
    for shard in shards:
        assert shard.stdout.readline() == "ready\n"
    for shard in shards:
        shard.stdin.write("\n")
        shard.stdin.flush()
    for shard in shards:
        shard.communicate(timeout=120)
        assert shard.returncode == 0
    lines = [path.read_text().splitlines() for path in tmp_path.glob("candidates*.jsonl")]
    found = [json.loads(line) for line in itertools.chain(*lines)]
    whole = pags(model, data, **SETTINGS, pool=8).history.groupby("candidate")["digest"].first()
    assert {record["index"]: record["digest"] for record in found} == whole.to_dict()


def test_shards_are_checked(tmp_path, model, data):
    for shard in ("1/2", 1, (1,), (1, 2, 3), (1.0, 2), ("1", "2"), (0, 2), None):
        with pytest.raises(ArgumentError, match="shard must be"):
            pags_shard(model, data, shard=shard, out=tmp_path, **SETTINGS)
    with pytest.raises(ArgumentError, match="shard 3 of 2 is none of 1 to 2"):
        pags_shard(model, data, shard=(3, 2), out=tmp_path, **SETTINGS)
    with pytest.raises(ArgumentError, match="merge=True needs out"):
        pags(model, data, **SETTINGS, merge=True)


@needs_sigkill
def test_a_killed_worker_is_said_and_the_run_goes_on(tmp_path, model, data):
    folder = tmp_path / "run"
    with pytest.raises(RunError, match="a worker process was killed"):
        pags(model, data, **SETTINGS, score=_dying(tmp_path / "died"), n_jobs=2, out=folder)
    whole = pags(model, data, **SETTINGS)
    # The same score by name, which lives on once its mark is there.
    resumed = pags(model, data, **SETTINGS, score=_dying(tmp_path / "died"), n_jobs=2, out=folder)
    assert resumed.masks == whole.masks


def _dying(mark):
    """Score like `full_spectrum`, but kill the worker process that first scores a sample."""
    here = os.getpid()

    def score(found):
        if os.getpid() != here and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found.full_spectrum()

    return score


@needs_sigkill
def test_a_dask_cluster_of_which_a_worker_is_killed(tmp_path, model, data):
    distributed = pytest.importorskip("distributed")
    joblib = pytest.importorskip("joblib")
    whole = pags(model, data, **SETTINGS)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        mark = tmp_path / "died"
        result = pags(model, data, **SETTINGS, score=_dying(mark), n_jobs=2, out=tmp_path / "run")
    assert mark.exists()
    assert result.masks == whole.masks
    assert result.explored == whole.explored
    np.testing.assert_array_equal(result.history["digest"], whole.history["digest"])


SCRIPT = """
import sys, time
import torch
from torch import nn
from masktopo.data import TensorData
from masktopo.sampling.sampler import pags

torch.manual_seed(5)
model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.Linear(16, 4))
inputs = torch.randn((90, 12), generator=torch.Generator().manual_seed(1))
data = TensorData(inputs, torch.arange(90) % 4, 4, "made up")

def score(found):
    time.sleep(0.05)
    return found.full_spectrum()

pags(model, data, density=0.3, samples=60, batches=2, batch_size=8, rng=7, score=score,
     out=sys.argv[1])
"""


@needs_sigkill
def test_a_run_that_is_killed_ends_with_the_same_masks(tmp_path, model, data):
    folder = tmp_path / "run"
    lines = folder / "candidates.jsonl"
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while not lines.exists() or lines.read_text().count("\n") < 5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert 5 <= lines.read_text().count("\n") < 61
    subprocess.run(command, check=True)
    options = {**SETTINGS, "samples": 60}
    assert_same_but_score(folder, pags(model, data, **options))


def assert_same_but_score(folder, whole):
    from masktopo.sampling.result import PagsResult

    found = PagsResult.load(folder)
    assert found.masks == whole.masks
    assert found.ticket == whole.ticket
    assert found.explored == whole.explored
    np.testing.assert_array_equal(found.history["digest"], whole.history["digest"])


def on_gpu(monkeypatch):
    """Treat the CPU like a GPU: masks are stored, and scored beside the drawing."""
    monkeypatch.setattr(Work, "stores_masks", property(lambda _: True))
    monkeypatch.setattr(draws, "_scores_beside", lambda _: True)


@pytest.mark.parametrize("in_folder", [False, True])
def test_what_a_gpu_draws_is_stored_and_scored_beside(
    tmp_path, monkeypatch, model, data, in_folder
):
    whole = pags(model, data, **SETTINGS)
    on_gpu(monkeypatch)
    choose, drawn = Work.choose, []
    monkeypatch.setattr(
        Work, "choose", lambda self, index: drawn.append(index) or choose(self, index)
    )
    out = tmp_path / "run" if in_folder else None
    assert_same(pags(model, data, **SETTINGS, out=out), whole)
    assert drawn == list(range(11))  # no winner is drawn again
    if in_folder:
        winner = max(whole.winners)
        (tmp_path / "run" / "masks" / f"{winner:06d}.npz").unlink()
        with pytest.raises(RunError, match=f"the mask of candidate {winner} was drawn on a GPU"):
            pags(model, data, **SETTINGS, out=out)


def test_a_large_pool_is_mapped_from_a_file(tmp_path, monkeypatch, model, data, capsys):
    whole = pags(model, data, **SETTINGS, pool=5)
    monkeypatch.setattr(opening, "MOST_BYTES", 1000)
    assert_same(pags(model, data, **SETTINGS, pool=5, out=tmp_path, progress=True), whole)
    assert np.load(tmp_path / "pool.npy").shape == (5, whole.masks.size)
    assert "pool of 5 gradients: 0.00 GB in " in capsys.readouterr().err
    monkeypatch.setattr("masktopo.pruning.pool.batch_gradients", None)  # none is taken again
    monkeypatch.setattr("masktopo.pruning.scene.summed_gradients", None)
    assert_same(pags(model, data, **SETTINGS, pool=5, out=tmp_path), whole)
