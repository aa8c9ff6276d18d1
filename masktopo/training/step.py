"""One step of SGD, taken as it stands, compiled, or recorded once and replayed."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError
from masktopo.training.augment import AUGMENTATIONS
from masktopo.training.config import TrainConfig

__all__ = ["Step", "computes_in_bfloat16", "make_step", "memory_format"]

Step = Callable[[torch.Tensor, torch.Tensor | None], tuple[torch.Tensor, torch.Tensor]]
"""``(chosen, draws) -> (loss, hits)``: places of the samples and the augmentation's draws, both on
the device of the data, to the mean loss and the number of right answers before the step; of a
stack, to those of every member. Nothing is read back from the device."""

_WARM_UP = 3


def make_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, data: TensorData, config: TrainConfig
) -> Step:
    """Return the step of `config` for one model, optimiser and data set.

    Raises
    ------
    ArgumentError
        If the step is to be recorded and the data is not on a CUDA device.
    """
    compiles, records = "compiled" in config.step, "graph" in config.step
    if records and data.inputs.device.type != "cuda":
        raise ArgumentError(
            f"step={config.step!r} needs a CUDA device, not {data.inputs.device}; "
            "'eager' and 'compiled' run anywhere"
        )
    step = _plain_step(model, optimizer, data, config)
    if compiles:
        # Only whole batches: another size would be compiled for the sake of one step an epoch.
        compiled = torch.compile(model, dynamic=False)
        step = _by_size(
            config.batch_size, _plain_step(compiled, optimizer, data, config), otherwise=step
        )
    return _RecordedStep(step, optimizer, config.batch_size) if records else step


def computes_in_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether forward passes of training run in bfloat16, with weights in float32."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the order of images and kernels that convolutions of `device` are quickest with."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def _plain_step(
    forward: Callable[[torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    data: TensorData,
    config: TrainConfig,
) -> Step:
    """Return a step that is taken operation by operation."""
    device = data.inputs.device
    in_bfloat16 = computes_in_bfloat16(config, device)
    order = memory_format(device) if data.inputs.ndim == 4 else torch.contiguous_format

    def step(chosen: torch.Tensor, draws: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        inputs, labels = data.inputs[chosen], data.labels[chosen]
        if config.augment is not None and draws is not None:
            inputs = AUGMENTATIONS[config.augment].apply(inputs, draws)
        inputs = data.normalised(inputs).contiguous(memory_format=order)
        # A recorded graph may not rely on casts that were made outside of it.
        with torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=in_bfloat16, cache_enabled=False
        ):
            logits = forward(inputs)
            loss = _mean_loss(logits, labels)
        # Members of a stack share no weights, so each descends its own loss.
        loss.sum().backward()
        optimizer.step()
        return loss.detach(), (logits.detach().argmax(dim=-1) == labels).sum(dim=-1)

    return step


def _mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean loss over the samples, of a stack (members, samples, classes) for each."""
    if logits.ndim == 2:
        return cross_entropy(logits, labels)
    losses = cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none")
    return losses.view(-1, len(labels)).mean(dim=1)


def _by_size(size: int, step: Step, *, otherwise: Step) -> Step:
    """Return a step that takes batches of `size` one way and all others another way."""

    def chosen_step(
        chosen: torch.Tensor, draws: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return (step if len(chosen) == size else otherwise)(chosen, draws)

    return chosen_step


class _RecordedStep:
    """Records a step as a CUDA graph and replays it, which spares the CPU every launch.

    The first steps run on a stream of their own, as PyTorch asks for before recording. The graph
    holds the learning rate, so it is recorded anew when that changes. Batches of another size,
    such as the last of an epoch, are stepped plainly. Replayed steps leave their gradients, in
    the same tensors every time.
    """

    def __init__(self, step: Step, optimizer: torch.optim.Optimizer, size: int) -> None:
        self._step = step
        self._optimizer = optimizer
        self._size = size
        self._warm = 0
        self._rate = 0.0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._gradients: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def __call__(
        self, chosen: torch.Tensor, draws: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.cuda.device(chosen.device):
            return self._take(chosen, draws)

    def _take(
        self, chosen: torch.Tensor, draws: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step, replayed once it has been recorded."""
        if len(chosen) != self._size:
            return self._step(chosen, draws)
        if self._warm < _WARM_UP:
            self._warm += 1
            return self._step_aside(chosen, draws)
        rate = self._optimizer.param_groups[0]["lr"]
        if self._graph is None or rate != self._rate:
            self._record(chosen, draws)
            self._rate = rate
        assert self._graph is not None
        self._chosen.copy_(chosen)
        if self._draws is not None and draws is not None:
            self._draws.copy_(draws)
        self._graph.replay()
        # A plain step or a hook may have put others, or none, in their place.
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._loss.clone(), self._hits.clone()

    def _step_aside(
        self, chosen: torch.Tensor, draws: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step on another stream."""
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            figures = self._step(chosen, draws)
        here.wait_stream(aside)
        return figures

    def _record(self, chosen: torch.Tensor, draws: torch.Tensor | None) -> None:
        """Record the step without taking it."""
        self._optimizer.zero_grad(set_to_none=True)
        self._graph, self._gradients = None, []
        self._chosen = chosen.clone()
        self._draws = None if draws is None else draws.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._loss, self._hits = self._step(self._chosen, self._draws)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ArgumentError(
                "a step of this network cannot be recorded as a CUDA graph, which may not read "
                f"numbers back from the GPU: {error}; step='eager' takes any network"
            ) from error
        self._graph = graph
        parameters = (each for group in self._optimizer.param_groups for each in group["params"])
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]
