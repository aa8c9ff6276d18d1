"""Initialisations. Every one is ``(model, generator) -> None`` and draws all of its weights."""

from collections.abc import Callable
from math import prod

import torch
from torch import nn

__all__ = ["INITS", "kaiming_normal", "pags23"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@torch.no_grad()
def kaiming_normal(model: nn.Module, generator: torch.Generator) -> None:
    """Draw linear and convolution weights from N(0, 2/fan_in), in the order of the modules.

    Biases become 0; normalisation starts with scale 1, shift 0 and fresh running statistics.
    The global random state is not used.

    Parameters
    ----------
    model : nn.Module
        Changed in place. Modules that are neither linear nor convolution nor normalisation
        keep their parameters.
    generator : torch.Generator
        On the device of the model's parameters.

    References
    ----------
    K. He et al., *Delving Deep into Rectifiers*, ICCV 2015.

    Examples
    --------
    >>> layer = nn.Linear(1000, 8)
    >>> kaiming_normal(layer, torch.Generator().manual_seed(0))
    >>> round(float(layer.weight.detach().std() * 500**0.5), 2)
    1.0
    """
    for module in model.modules():
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        else:
            _reset_normalisation(module)


@torch.no_grad()
def pags23(model: nn.Module, generator: torch.Generator) -> None:
    """Draw weights as the published code of PAGS23 does; weighted coordinates depend on it.

    Convolutions from N(0, 2 / (kernel places * output channels)), linear layers from
    N(0, 0.01^2). Biases become 0; batch normalisation starts with scale 0.5, shift 0 and fresh
    running statistics.

    Parameters
    ----------
    model, generator
        As for `kaiming_normal`.

    References
    ----------
    D. Hoang et al., *Don't just prune by magnitude! Your mask topology is a secret weapon*,
    NeurIPS 2023, and its authors' code.

    Examples
    --------
    >>> layer = nn.Conv2d(3, 800, 3)
    >>> pags23(layer, torch.Generator().manual_seed(0))
    >>> round(float(layer.weight.detach().std() * (9 * 800 / 2) ** 0.5), 2)
    1.0
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.normal_(0.0, 0.01, generator=generator)
        elif isinstance(module, _CONVOLUTIONS):
            fan_out = prod(module.kernel_size) * module.out_channels
            module.weight.normal_(0.0, (2 / fan_out) ** 0.5, generator=generator)
        else:
            _reset_normalisation(module)
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine:
                nn.init.constant_(module.weight, 0.5)
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)) and module.bias is not None:
            nn.init.zeros_(module.bias)


INITS: dict[str, Callable[[nn.Module, torch.Generator], None]] = {
    "kaiming": kaiming_normal,
    "pags23": pags23,
}
"""Every initialisation that masktopo knows by name."""


def _reset_normalisation(module: nn.Module) -> None:
    """Give a normalisation scale 1, shift 0 and fresh statistics; leave other modules alone."""
    if isinstance(module, nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm):
        module.reset_parameters()
