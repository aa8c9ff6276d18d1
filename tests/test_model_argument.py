"""What takes a model says so when it is given something else, such as a model's name."""

import pytest
import torch

import masktopo
from masktopo.errors import ArgumentError
from masktopo.training import early_bird, lottery_ticket, prune_after_training

TAKE_A_MODEL = {
    "train": lambda model: masktopo.train(model, None, "digits", epochs=1),
    "train_many": lambda model: masktopo.train_many(model, [None], "digits", epochs=1),
    "train_many, stacked": lambda model: masktopo.train_many(
        model, [None, None], "digits", epochs=1, stack=2
    ),
    "lottery_ticket": lambda model: lottery_ticket(model, "digits", density=0.5, epochs=1),
    "early_bird": lambda model: early_bird(model, "digits", density=0.5, epochs=1),
    "prune_after_training": lambda model: prune_after_training(
        model, "digits", density=0.5, epochs=1
    ),
    "prune": lambda model: masktopo.prune(model, method="random-erk", density=0.1),
    "pags": lambda model: masktopo.pags(model, method="random-erk", density=0.1, samples=2),
    "trace": lambda model: masktopo.trace(model, torch.rand(1, 1, 8, 8)),
    "Monitor": masktopo.Monitor,
}


@pytest.mark.parametrize("take", TAKE_A_MODEL.values(), ids=TAKE_A_MODEL)
@pytest.mark.parametrize(("model", "kind"), [("resnet20", "str"), ({}, "dict"), (None, "NoneType")])
def test_what_is_no_module_is_refused(take, model, kind):
    with pytest.raises(ArgumentError, match=rf"model must be a torch\.nn\.Module, not {kind}; "):
        take(model)
