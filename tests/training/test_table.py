"""The table over run folders: finished, unfinished and damaged ones."""

import json

import pandas as pd
import pytest

from masktopo.cli.main import main
from masktopo.training import DynamicSparsity, lottery_ticket, results, train
from masktopo.training.table import COLUMNS
from tests.training.test_resume import stop_in_epoch

OPTIONS = {"epochs": 2, "learning_rate": 0.05}


@pytest.fixture
def runs(model, masks, data, tmp_path):
    """Results of a dense, a static and a dynamic run; their folders are the keys."""
    gradient = DynamicSparsity("gradient", every=2)
    return {
        "dense": train(model, None, data, out=tmp_path / "dense", **OPTIONS),
        "static": train(model, masks, data, rng=3, out=tmp_path / "static", **OPTIONS),
        "dynamic": train(model, masks, data, dynamic=gradient, out=tmp_path / "dynamic", **OPTIONS),
    }


def test_finished_runs_are_tabulated(runs, tmp_path):
    table = results([tmp_path / name for name in runs])
    assert tuple(table) == COLUMNS
    assert table["run"].tolist() == [str(tmp_path / name) for name in runs]
    assert table["kind"].tolist() == ["dense", "static", "gradient growth"]
    assert table["seed"].tolist() == [0, 3, 0]
    assert table["epochs"].tolist() == [2, 2, 2]
    assert pd.isna(table["nnz"][0])
    assert table["nnz"].tolist()[1:] == [runs[name].masks.nnz for name in ("static", "dynamic")]
    assert table["density"].tolist()[0] == 1.0 > table["density"].tolist()[1]
    for row, run in zip(table.to_dict("records"), runs.values(), strict=True):
        for name in ("best_epoch", "validation_accuracy", "test_accuracy", "explored"):
            assert row[name] == getattr(run, name)
        assert row["network"] == run.run.network
        assert row["seconds"] == run.history["seconds"].sum()
        assert row["missing"] == ""
    assert table["explored"][2] > table["density"][2]


def test_folders_are_searched_for_runs(runs, model, data, tmp_path):
    lottery_ticket(model, data, rounds=1, out=tmp_path / "lottery", **OPTIONS)
    table = results([tmp_path])
    names = ["dense", "dynamic", "lottery/dense", "lottery/round-01", "static"]
    assert table["run"].tolist() == [str(tmp_path / name) for name in names]


def test_what_is_missing_is_said(runs, model, data, tmp_path, monkeypatch):
    stop_in_epoch(2, monkeypatch, model, None, data, out=tmp_path / "stopped", **OPTIONS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "dense" / "result.json").write_text("{")
    (tmp_path / "static" / "config.json").write_text(json.dumps({"config": {}}))
    (tmp_path / "dynamic" / "history.csv").unlink()
    names = ["stopped", "empty", "nowhere", "dense", "static", "dynamic"]
    table = results([tmp_path / name for name in names])
    expected = [
        "not finished: there is no result.json",
        "no run is here: there is no config.json",
        "no run is here: there is no config.json",
        "result.json is damaged",
        "config.json: this is no training run's configuration",
        "history.csv is missing or damaged",
    ]
    for found, text in zip(table["missing"], expected, strict=True):
        assert text in found
    assert table["epochs"].isna().tolist() == [False, True, True, False, True, False]
    assert table["kind"][0] == "dense"


def test_masks_and_weights_that_are_missing_are_said(runs, tmp_path):
    (tmp_path / "static" / "net.masks").unlink()
    (tmp_path / "dense" / "best.pt").write_bytes(b"")
    found = results([tmp_path]).set_index("run")["missing"]
    assert found[str(tmp_path / "static")].endswith("net.masks is missing or empty")
    assert found[str(tmp_path / "dense")].endswith("best.pt is missing or empty")
    assert found[str(tmp_path / "dynamic")] == ""


def test_figures_that_are_missing_are_named_and_old_runs_have_explored_their_masks(runs, tmp_path):
    path = tmp_path / "static" / "result.json"
    figures = json.loads(path.read_text())
    del figures["explored"], figures["checksum"]
    path.write_text(json.dumps(figures))
    table = results([path.parent])
    assert table["explored"].tolist() == table["density"].tolist()
    del figures["best_epoch"]
    path.write_text(json.dumps(figures))
    assert "result.json lacks 'best_epoch'" in results([path.parent])["missing"][0]


def test_the_command_prints_and_writes_the_table(runs, tmp_path, capsys):
    (tmp_path / "dense" / "result.json").unlink()
    assert main(["results", str(tmp_path), "--csv", str(tmp_path / "table.csv")]) == 0
    printed = capsys.readouterr().out
    assert f"* {tmp_path / 'dense'}: not finished: there is no result.json" in printed
    assert "gradient growth Sequential " in printed
    assert f"{runs['static'].test_accuracy:.4g}" in printed
    written = pd.read_csv(tmp_path / "table.csv")
    assert written["test_accuracy"].tolist()[1:] == [
        runs[name].test_accuracy for name in ("dynamic", "static")
    ]
    assert list(written) == list(COLUMNS)


def test_seeds_of_any_size_are_told(model, data, tmp_path):
    seeds = [2**100, 2**63 - 1]
    for seed in seeds:
        train(model, None, data, rng=seed, out=tmp_path / str(seed), **OPTIONS)
    (tmp_path / "empty").mkdir()
    table = results([*(tmp_path / str(seed) for seed in seeds), tmp_path / "empty"])
    assert table["seed"].tolist()[:2] == seeds
    assert pd.isna(table["seed"][2])
    table.to_csv(tmp_path / "table.csv", index=False)
    assert str(2**100) in (tmp_path / "table.csv").read_text()


def test_the_command_says_where_there_is_nothing(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["results", str(tmp_path / "empty")]) == 0
    assert "empty: no run is here: there is no config.json" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    for name, found in [("nowhere", "does not exist"), ("file", "is no folder")]:
        assert main(["results", str(tmp_path), str(tmp_path / name)]) == 2
        message = f"{name} {found}; expected a run's folder, or one with runs below"
        assert message in capsys.readouterr().err
