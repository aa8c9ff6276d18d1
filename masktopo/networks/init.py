"""Initialisations: each draws every parameter of a network from one seeded generator."""

import torch
from torch import nn

__all__ = ["kaiming_normal"]


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
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_parameters()
