"""The protocol's values and schedule."""

from dataclasses import asdict

import numpy as np
import pytest

from masktopo.errors import ArgumentError
from masktopo.training import TrainConfig


def test_defaults_are_the_published_protocol():
    config = TrainConfig()
    assert (config.epochs, config.batch_size, config.learning_rate) == (250, 128, 0.1)
    assert (config.momentum, config.nesterov, config.weight_decay) == (0.9, True, 5e-4)
    assert (config.milestones, config.rate_factor, config.augment) == ((0.5, 0.75), 0.1, None)


@pytest.mark.parametrize(
    ("epochs", "first", "second"),
    [(250, 126, 189), (160, 81, 121), (4, 3, 4), (3, 3, None), (1, None, None)],
)
def test_rate_is_divided_by_ten_at_a_half_and_three_quarters(epochs, first, second):
    config = TrainConfig(epochs=epochs)
    rates = [round(config.rate_at(epoch), 9) for epoch in range(1, epochs + 1)]
    assert [rates.index(rate) + 1 if rate in rates else None for rate in (0.01, 0.001)] == [
        first,
        second,
    ]
    assert rates == sorted(rates, reverse=True)


def test_milestones_are_exact_to_the_epoch():
    # In binary, 0.28 * 100 is a little over 28.
    for epochs in range(1, 301):
        for percent in range(101):
            config = TrainConfig(epochs=epochs, milestones=(percent / 100,))
            first = -(-percent * epochs // 100) + 1
            assert config.rate_at(first) == config.learning_rate * config.rate_factor
            assert first == 1 or config.rate_at(first - 1) == config.learning_rate


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"epochs": 2.5}, "epochs must be an integer, not 2.5"),
        ({"batch_size": -1}, "batch_size must be at least 1"),
        ({"learning_rate": 0}, r"learning_rate=0 is out of its range \(greater than 0, and"),
        ({"learning_rate": float("inf")}, "learning_rate=inf is out of its range"),
        ({"weight_decay": float("inf")}, "weight_decay=inf is out of its range"),
        ({"rate_factor": float("inf")}, "rate_factor=inf is out of its range"),
        ({"learning_rate": float("nan")}, "learning_rate=nan is out of its range"),
        ({"momentum": 1.0}, "momentum=1.0 is out of its range"),
        ({"momentum": 0.0}, "Nesterov's form needs a momentum"),
        ({"weight_decay": -1e-4}, "weight_decay=-0.0001 is out of its range"),
        ({"milestones": (0.5, 80)}, r"milestones=\(0.5, 80\) is out of its range"),
        ({"rate_factor": 0}, "rate_factor=0 is out of its range"),
        ({"precision": "half"}, "precision='half' is not one of 'auto', 'float32', 'bfloat16'"),
        ({"step": "fast"}, "step='fast' is not one of 'eager', 'compiled', 'graph', 'compiled-g"),
        ({"augment": "mixup"}, "augment='mixup' is not one of 'crop-flip'"),
        ({"lr": 0.1, "wd": 0}, "training has no option lr, wd; it has epochs, batch_size,"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ArgumentError, match=message):
        TrainConfig().with_changes(changes)


def test_digest_is_that_of_the_values():
    config = TrainConfig(epochs=5)
    assert config.digest == TrainConfig().with_changes({"epochs": 5}).digest
    assert config.digest != TrainConfig(epochs=5, milestones=[0.5]).digest
    assert TrainConfig(milestones=[0.5, 0.75]) == TrainConfig()


def test_numbers_of_any_type_are_python_numbers():
    given = {
        "epochs": np.int64(2),
        "batch_size": np.int32(8),
        "learning_rate": np.float32(0.5),
        "nesterov": np.True_,
        "weight_decay": 0,
        "milestones": (0, np.float64(0.5)),
    }
    config = TrainConfig(**given)
    plain = TrainConfig(2, 8, 0.5, 0.9, True, 0.0, (0.0, 0.5))
    assert config == plain
    assert config.digest == plain.digest
    for name, value in asdict(plain).items():
        assert type(getattr(config, name)) is type(value)
