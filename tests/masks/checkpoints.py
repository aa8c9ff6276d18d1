"""Makes small checkpoints as their producers write them."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize, prune

ROOT = Path(__file__).parents[2]
SHAPES = {"conv": (4, 3, 3, 3), "fc": (5, 16)}


def network(seed: int = 0) -> nn.Module:
    """A convolution, a normalisation and a linear layer, with weights that are never zero."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), fc=nn.Linear(16, 5))
    )
    with torch.no_grad():
        for parameter in model.parameters():
            values = torch.rand(parameter.shape, generator=generator) + 0.25
            parameter.copy_(values)
    return model


def masks(seed: int = 1, density: float = 0.4) -> dict[str, torch.Tensor]:
    """A bool mask for each layer of `network`, never all ones and never empty."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(shape, generator=generator) < density for name, shape in SHAPES.items()
    }


def pruned_network(seed: int = 0) -> nn.Module:
    """The network with exact zeros where `masks` prunes."""
    model = network(seed)
    with torch.no_grad():
        for name, mask in masks().items():
            getattr(model, name).weight.mul_(mask)
    return model


def hooked_network(seed: int = 0) -> nn.Module:
    """The network under `torch.nn.utils.prune`, as after a forward pass."""
    model = network(seed)
    for name, mask in masks().items():
        prune.custom_from_mask(getattr(model, name), "weight", mask)
    return model


class Masking(nn.Module):
    """A parametrization with its mask in a buffer."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.mask


def parametrized_network(seed: int = 0) -> nn.Module:
    """The network under parametrizations with mask buffers."""
    model = network(seed)
    for name, mask in masks().items():
        parametrize.register_parametrization(getattr(model, name), "weight", Masking(mask))
    return model


def buffered_state() -> dict[str, torch.Tensor]:
    """Weights beside buffers of masks, on normalisation and biases too, as SynFlow saves them."""
    state = dict(network().state_dict())
    for name, mask in masks().items():
        state[f"{name}.weight_mask"] = mask.float()
        state[f"{name}.bias_mask"] = torch.ones(mask.shape[0])
    state["norm.weight_mask"] = torch.ones(4)
    return state


def sparse(side: int) -> torch.Tensor:
    """A square sparse tensor with a single entry."""
    return torch.sparse_coo_tensor([[0], [1]], [1.0], (side, side), check_invariants=True)


def save_zip(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def save_legacy(content: object, path: Path) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def save_safetensors(content: dict[str, torch.Tensor], path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in content.items()}, path)
    return path


def assert_masks(found: object, expected: dict[str, torch.Tensor]) -> None:
    """Assert that a MaskSet has exactly these layers and masks."""
    assert list(found) == list(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name].mask, mask.numpy().astype(bool))
