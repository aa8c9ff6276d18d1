import pytest
import torch
from torch import nn

from masktopo.data import TensorData
from masktopo.errors import TrainingError
from masktopo.sampling.pretrain import pretrained
from masktopo.training import TrainConfig


def data(n=10):
    generator = torch.Generator().manual_seed(1)
    return TensorData(torch.randn((n, 3), generator=generator), torch.arange(n) % 2, 2, "made up")


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_one_step_is_sgd_with_nesterov_momentum_and_weight_decay():
    single = nn.Linear(3, 2)
    weight, bias = (value.detach().clone() for value in (single.weight, single.bias))
    whole = data(8)
    trained = pretrained(single, whole, TrainConfig(batch_size=8), steps=1, seed=0)
    single(whole.inputs).log_softmax(1)[range(8), whole.labels].mean().neg().backward()
    for before, layer, after in [
        (weight, single.weight.grad, trained.weight),
        (bias, single.bias.grad, trained.bias),
    ]:
        step = (layer + 5e-4 * before) * (1 + 0.9)  # the first step of Nesterov's form
        torch.testing.assert_close(after, before - 0.1 * step, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_copy_has_the_mode_and_no_gradients(training):
    given = model().train(training)
    state = {name: value.clone() for name, value in given.state_dict().items()}
    random_state = torch.get_rng_state()
    trained = pretrained(given, data(), TrainConfig(batch_size=4), steps=5, seed=0)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(value, state[name]) for name, value in given.state_dict().items())
    assert trained.training is training
    assert all(parameter.grad is None for parameter in trained.parameters())
    assert int(trained[1].num_batches_tracked) == 5


def test_the_outcome_is_a_function_of_the_seed():
    config = TrainConfig(batch_size=4)
    weights = [
        pretrained(model(), data(), config, steps=5, seed=seed)[0].weight for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_data_smaller_than_a_batch_is_one_batch():
    trained = pretrained(model(), data(), TrainConfig(batch_size=128), steps=3, seed=0)
    assert int(trained[1].num_batches_tracked) == 3


def test_a_loss_that_is_not_finite_is_an_error():
    with pytest.raises(TrainingError, match="the loss is"):
        pretrained(
            nn.Linear(3, 2), data(), TrainConfig(batch_size=4, learning_rate=1e30), steps=9, seed=0
        )
