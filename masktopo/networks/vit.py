"""A small vision transformer."""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from masktopo.errors import ArgumentError
from masktopo.networks.shapes import image_shape

__all__ = ["vit_small"]

_PATCH, _WIDTH, _HEADS, _DEPTH, _HIDDEN = 4, 192, 3, 6, 384


def vit_small(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return a vision transformer for small images: 1.81 million parameters for CIFAR-10.

    Patches of 4x4 pixels, six blocks of width 192 with three heads and 384 hidden units, and the
    mean over all patches in place of a class token.

    Raises
    ------
    ArgumentError
        If the samples are no images of whole patches.

    References
    ----------
    A. Dosovitskiy et al., *An Image is Worth 16x16 Words*, ICLR 2021.
    """
    channels, height, width = image_shape("vit-small", input_shape, least=_PATCH)
    if height % _PATCH or width % _PATCH:
        raise ArgumentError(
            f"vit-small takes images whose sides are multiples of {_PATCH} pixels, "
            f"not {height}x{width}"
        )
    return _VisionTransformer(channels, (height // _PATCH) * (width // _PATCH), n_classes)


class _VisionTransformer(nn.Module):
    """Patches, blocks, a last normalisation, the mean over the patches and a linear layer."""

    def __init__(self, channels: int, n_patches: int, n_classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, _WIDTH, _PATCH, stride=_PATCH)
        # Zero at the start: gradients differ from patch to patch, so they grow apart.
        self.positions = nn.Parameter(torch.zeros(1, n_patches, _WIDTH))
        self.blocks = nn.Sequential(*(_Block() for _ in range(_DEPTH)))
        self.norm = nn.LayerNorm(_WIDTH)
        self.head = nn.Linear(_WIDTH, n_classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = self.patches(inputs).flatten(2).transpose(1, 2) + self.positions
        logits: torch.Tensor = self.head(self.norm(self.blocks(values)).mean(dim=1))
        return logits


class _Block(nn.Module):
    """Attention and two linear layers, each behind normalisation and beside the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_WIDTH)
        self.attention = _Attention()
        self.norm2 = nn.LayerNorm(_WIDTH)
        self.fc1 = nn.Linear(_WIDTH, _HIDDEN)
        self.fc2 = nn.Linear(_HIDDEN, _WIDTH)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = inputs + self.attention(self.norm1(inputs))
        hidden: torch.Tensor = self.fc2(gelu(self.fc1(self.norm2(values))))
        return values + hidden


class _Attention(nn.Module):
    """Self-attention whose queries, keys, values and output are linear layers of their own.

    ``nn.MultiheadAttention`` keeps the first three in one parameter that is no layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(_WIDTH, _WIDTH)
        self.key = nn.Linear(_WIDTH, _WIDTH)
        self.value = nn.Linear(_WIDTH, _WIDTH)
        self.out = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        heads = [
            layer(inputs).unflatten(2, (_HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        mixed = scaled_dot_product_attention(*heads)
        values: torch.Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return values
