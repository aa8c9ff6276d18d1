"""Ways of taking a step: precision, compilation, and what needs a GPU."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from masktopo.data import TensorData
from masktopo.data.pixels import Pixels
from masktopo.errors import ArgumentError
from masktopo.training import TrainConfig, step, train
from masktopo.training.optimizer import make_optimizer
from masktopo.training.step import computes_in_bfloat16, make_step

CPU = torch.device("cpu")


class Listening(nn.Module):
    """A linear layer that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.flatten, self.fc = nn.Flatten(), nn.Linear(3 * 6 * 5, 2)

    def forward(self, inputs):
        self.given = inputs
        self.logits = self.fc(self.flatten(inputs))
        return self.logits


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (8, 3, 6, 5), generator=generator).to(torch.uint8)
    pixels = Pixels((100.0, 110.0, 120.0), (50.0, 60.0, 70.0))
    return TensorData(inputs, torch.arange(8) % 2, 2, "bytes", pixels)


def stepped(data, **changes):
    model, config = Listening(), TrainConfig(**changes)
    take = make_step(model, make_optimizer(model, config), data, config)
    return model, take(torch.tensor([3, 1, 2]), torch.zeros(3, 3, dtype=torch.int64))


def test_networks_are_given_normalised_numbers(images):
    model, (loss, hits) = stepped(images)
    assert torch.equal(model.given, images.batch(torch.tensor([3, 1, 2]))[0])
    assert loss.shape == hits.shape == ()
    assert 0 <= int(hits) <= 3


def test_augmentation_comes_before_normalisation(images):
    # All draws are 0: the crop lies 4 pixels above and to the left of the image.
    model, _ = stepped(images, augment="crop-flip")
    rows, columns = [4, 3, 2, 1, 0, 1], [4, 3, 2, 1, 0]
    cropped = images.inputs[[3, 1, 2]][:, :, rows][:, :, :, columns]
    assert torch.equal(model.given, images.normalised(cropped))


def test_bfloat16_is_that_of_the_forward_pass_only(images):
    model, _ = stepped(images, precision="bfloat16")
    assert model.logits.dtype == torch.bfloat16
    assert model.fc.weight.dtype == model.fc.weight.grad.dtype == torch.float32
    assert not computes_in_bfloat16(TrainConfig(), CPU)
    assert not computes_in_bfloat16(TrainConfig(precision="float32"), torch.device("cuda:0"))


@pytest.mark.parametrize(("size", "calls"), [(3, 1), (4, 0)])
def test_only_whole_batches_are_compiled(images, monkeypatch, size, calls):
    called = []

    def compile_nothing(model, *, dynamic):
        assert not dynamic
        return lambda inputs: called.append(len(inputs)) or model(inputs)

    monkeypatch.setattr(step.torch, "compile", compile_nothing)
    stepped(images, step="compiled", batch_size=size)
    assert called == [3] * calls


@pytest.mark.parametrize("way", ["graph", "compiled-graph"])
def test_recorded_steps_need_a_gpu(model, data, way, monkeypatch):
    monkeypatch.setattr(step.torch, "compile", lambda model, **_: model)
    with pytest.raises(ArgumentError, match=rf"step='{way}' needs a CUDA device, not cpu"):
        train(model, None, data, epochs=1, step=way, device="cpu")


def test_bytes_and_the_same_numbers_train_alike(images):
    from masktopo.data import DataSplits

    numbers = TensorData(images.normalised(images.inputs), images.labels, 2, "numbers")
    results = [
        train(Start(), None, DataSplits(data, data), epochs=2, batch_size=3, device="cpu")
        for data in (images, numbers)
    ]
    for name, value in results[0].state_dict.items():
        assert torch.equal(value, results[1].state_dict[name])
    assert np.isfinite(results[0].history["loss"]).all()


class Start(Listening):
    """The same weights every time."""

    def __init__(self):
        super().__init__()
        nn.init.constant_(self.fc.weight, 0.01)
        nn.init.zeros_(self.fc.bias)


@pytest.fixture
def log(monkeypatch):
    """Stand in for a GPU, to follow what is recorded and replayed."""
    log = []

    class Graph:
        def replay(self):
            log.append("replay")

    class Stream:
        def wait_stream(self, other):
            pass

    @contextmanager
    def recording(graph):
        log.append("record")
        yield

    for name, fake in {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": Stream,
        "graph": recording,
        "stream": lambda stream: nullcontext(),
        "device": lambda device: nullcontext(),
    }.items():
        monkeypatch.setattr(step.torch.cuda, name, fake)
    return log


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (RuntimeError("not permitted when stream is capturing"), ArgumentError, "step='eager'"),
        (torch.OutOfMemoryError("no memory left"), torch.OutOfMemoryError, "no memory left"),
    ],
)
def test_a_step_that_cannot_be_recorded_is_refused(log, error, raised, message):
    def plain(chosen, draws):
        if log:
            raise error
        return chosen.sum(), chosen.sum()

    take = step._RecordedStep(plain, torch.optim.SGD([torch.zeros(1)], 0.1), 2)
    for _ in range(3):
        take(torch.tensor([1, 2]), None)
    with pytest.raises(raised, match=message):
        take(torch.tensor([1, 2]), None)
    assert log == ["record"]


def test_a_step_is_recorded_once_a_rate_and_replayed(log):
    weight = torch.zeros(1, requires_grad=True)

    def plain(chosen, draws):
        log.append(len(chosen))
        weight.grad = torch.ones(1)
        return chosen.sum(), draws.sum()

    optimizer = torch.optim.SGD([weight], 0.1)
    take = step._RecordedStep(plain, optimizer, 2)
    losses = [take(torch.tensor([1, 2]), torch.tensor([0, 0]))[0] for _ in range(5)]
    assert log == [2, 2, 2, "record", 2, "replay", "replay"]
    log.clear()
    # A replay fills the gradient that was there when it was recorded.
    filled = weight.grad
    take(torch.tensor([1]), torch.tensor([0]))
    assert weight.grad is not filled
    take(torch.tensor([1, 2]), torch.tensor([0, 0]))
    assert weight.grad is filled
    assert log == [1, "replay"]
    log.clear()
    optimizer.param_groups[0]["lr"] = 0.01
    other, hits = take(torch.tensor([5, 6]), torch.tensor([7, 8]))
    assert log == ["record", 2, "replay"]
    assert weight.grad is not filled
    assert (losses[-1].item(), other.item(), hits.item()) == (3, 11, 15)
    # Every replay writes to the same place, which what was given out must not share.
    assert len({loss.data_ptr() for loss in losses[3:]}) == 2
