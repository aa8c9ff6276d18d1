"""Networks of the user's own, in a module of the current folder."""

import sys

import pytest

from masktopo import load_masks, load_wiring
from masktopo.cli.main import main

FACTORY = """
from torch import nn


def make(input_shape, n_classes):
    channels, height, width = input_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, n_classes))
"""


@pytest.fixture
def users_folder(tmp_path, monkeypatch):
    """A current folder where Python does not look for modules by itself, as for a script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    return tmp_path


def test_modules_of_the_current_folder_are_found(users_folder):
    (users_folder / "users_mlp.py").write_text(FACTORY)
    masks = str(users_folder / "net.masks")
    pruning = ["--method", "random-erk", "--density", "0.2", "-o", masks]
    for _ in range(2):
        assert main(["prune", "--model", "users_mlp:make", *pruning]) == 0
    assert load_masks(masks).size == 640
    assert sys.path.count(str(users_folder)) == 1
    assert sys.path[0] == str(users_folder)


def test_a_network_to_trace_is_found_there(users_folder):
    (users_folder / "users_traced.py").write_text(FACTORY)
    masks = str(users_folder / "net.masks")
    pruning = ["--method", "random-erk", "--density", "0.2", "-o", masks]
    assert main(["prune", "--model", "users_traced:make", *pruning]) == 0
    sys.path.remove(str(users_folder))
    del sys.modules["users_traced"]
    model = ["--model", "users_traced:make", "--input-shape", "1x8x8"]
    assert main(["export", masks, *model, "--to", "wiring", "-o", "net.json"]) == 0
    assert "1" in load_wiring("net.json").layer_names


def test_the_library_and_its_own_networks_leave_the_path(users_folder):
    main(["prune", "--model", "mlp", "--method", "random-erk", "-o", "net.masks"])
    assert str(users_folder) not in sys.path
