"""Command ``train`` with masks that change, and with tickets."""

import pytest

from masktopo import load_masks
from masktopo.cli.main import main
from masktopo.training import TrainingResult

SHARED = ["train", "--model", "mlp", "--data", "digits", "--quiet", "--epochs", "1"]


def test_masks_change_by_the_method_that_is_named(tmp_path, capsys):
    method = ["--dst", "rigl", "--density", "0.2", "--every", "4", "-o", str(tmp_path)]
    assert main([*SHARED, *method]) == 0
    printed = capsys.readouterr().out
    result = TrainingResult.load(tmp_path)
    assert (result.run.dynamic.growth, result.run.dynamic.every) == ("gradient", 4)
    assert result.masks.nnz == round(0.2 * result.masks.size)
    assert f"test accuracy {result.test_accuracy:.4f} (best epoch 1), explored 2" in printed
    method = ["--dst", "itop", "--masks", str(tmp_path / "net.masks"), "--every", "4"]
    assert main([*SHARED, *method]) == 0
    assert "explored" in capsys.readouterr().out


def test_the_topology_is_monitored_into_the_runs_folder(tmp_path, capsys):
    watched = ["--monitor", "density,mu_hat", "--every", "4"]
    assert main([*SHARED, *watched, "-o", str(tmp_path / "dense")]) == 0
    topology = TrainingResult.load(tmp_path / "dense").topology
    assert topology["step"].unique().tolist() == [0, 4, 8]
    assert {"density", "mu_hat"} < set(topology)
    dynamic = ["--dst", "itop", "--density", "0.2", "-o", str(tmp_path / "itop")]
    assert main([*SHARED, *watched, *dynamic]) == 0
    run = TrainingResult.load(tmp_path / "itop")
    assert (run.topology["step"].unique().tolist(), run.run.dynamic.every) == ([0, 4, 8], 4)
    assert main([*SHARED, "--monitor", "density", "-o", str(tmp_path / "dense")]) == 2
    assert "monitored with metrics=['density', 'mu_hat'], every=4" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [[], ["--imp", "--rounds", "1"]])
def test_the_protocol_is_changed_by_option(tmp_path, kind):
    changes = ["--batch-size", "200", "--learning-rate", "0.05"]
    assert main([*SHARED, *kind, *changes, "-o", str(tmp_path)]) == 0
    runs = [TrainingResult.load(path.parent).run for path in tmp_path.rglob("config.json")]
    found = {(run.config.batch_size, run.config.learning_rate) for run in runs}
    assert (len(runs), found) == (1 + bool(kind), {(200, 0.05)})


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (["--imp", "--density", "0.25", "--rounds", "2", "--rewind-steps", "3"], 3),
        (["--ticket", "after-training", "--density", "0.25"], 2),
        (["--ticket", "early-bird", "--density", "0.25", "--epochs", "6"], 1),
    ],
)
def test_tickets_are_found_and_tabulated(tmp_path, capsys, options, runs, monkeypatch):
    # So that the mask settles within the few epochs of a test.
    from masktopo.training.early_bird import early_bird

    monkeypatch.setitem(early_bird.__kwdefaults__, "threshold", 1.0)
    assert main([*SHARED, *options, "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == runs + 3
    assert printed[-1].startswith("test accuracy 0.")
    masks = load_masks(tmp_path / "ticket.masks")
    assert masks.nnz == round(0.25 * masks.size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--density", "0.1"], "training one network does not take --density"),
        (["--every", "5"], "training one network does not take --every"),
        (["--imp", "--monitor", "imdb"], "training imp does not take --monitor"),
        (["--monitor", "imdb"], "--monitor needs a folder for what it measures: --out"),
        (["--dst", "itop", "--rounds", "2"], "training --dst does not take --rounds"),
        (["--imp", "--masks", "x", "--every", "3"], "training imp does not take --every, --masks"),
        (["--ticket", "early-bird"], "--ticket early-bird needs a --density"),
        (["--imp"], "a lottery ticket needs a density or a number of rounds"),
        (["--dst", "deepr"], "dynamic='deepr' is not one of 'set', 'itop', 'rigl', 'rigl-itop'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, capsys):
    assert main([*SHARED, *options]) == 2
    assert message in capsys.readouterr().err


def test_a_network_has_one_kind_of_training(capsys):
    with pytest.raises(SystemExit):
        main([*SHARED, "--dst", "itop", "--imp"])
    assert "--imp: not allowed with argument --dst" in capsys.readouterr().err
