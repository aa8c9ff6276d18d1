"""Architectures as people write them, at small sizes: ZOO and FAILING map names to factories.

A factory takes nothing and returns a model and an example input.
"""

import torch
from torch import nn

from tests.naive.zoo_attention import Decoder, FusedBlock, RMSNorm, ViT, ViTBlock, WrittenOut
from tests.naive.zoo_convolutional import MLP, VGG, DenseNet, MobileNet, UNet
from tests.naive.zoo_failing import Branching, Recurrent, Unknown
from tests.naive.zoo_joined import Gated, SENet, Siamese, TwoOutputs, hooked, parametrized
from tests.naive.zoo_residual import (
    BasicBlock,
    Bottleneck,
    PreActivation,
    ResNet,
    bare_conv,
    bare_stem,
    cifar_stem,
    imagenet_stem,
    option_a,
    option_b,
)


def image(size=8, channels=3):
    return torch.zeros(1, channels, size, size)


def wide_resnet():
    model = ResNet(PreActivation, bare_stem, bare_conv, (4, 6), blocks=2, final_norm=True)
    return model, image(6)


ZOO = {
    "mlp": lambda: (MLP((16, 8, 6, 3)), image(4, 1)),
    "vgg": lambda: (VGG((4, 4, 6, 6)), image(8)),
    "resnet_cifar_a": lambda: (ResNet(BasicBlock, cifar_stem, option_a, (4, 6, 8)), image(8)),
    "resnet_cifar_b": lambda: (
        ResNet(BasicBlock, cifar_stem, option_b, (4, 6), blocks=2),
        image(6),
    ),
    "resnet_imagenet": lambda: (ResNet(Bottleneck, imagenet_stem, option_b, (4, 4)), image(16)),
    "resnet_preactivation": lambda: (
        ResNet(PreActivation, cifar_stem, bare_conv, (4, 6)),
        image(6),
    ),
    "wide_resnet": wide_resnet,
    "mobilenet": lambda: (MobileNet(), image(8)),
    "densenet": lambda: (DenseNet(), image(6)),
    "unet": lambda: (UNet(), image(8, 1)),
    "vit": lambda: (ViT(ViTBlock), image(8)),
    "vit_fused": lambda: (ViT(FusedBlock), image(8)),
    "decoder": lambda: (Decoder(nn.RMSNorm), torch.zeros(1, 4, dtype=torch.int64)),
    "decoder_own_norm": lambda: (Decoder(RMSNorm), torch.zeros(1, 4, dtype=torch.int64)),
    "attention_written_out": lambda: (WrittenOut(), torch.zeros(1, 3, 4)),
    "squeeze_excite": lambda: (SENet(), image(6)),
    "gated": lambda: (Gated(), torch.zeros(1, 2, 6)),
    "siamese": lambda: (Siamese(), (torch.zeros(1, 5), torch.zeros(1, 5))),
    "two_outputs": lambda: (TwoOutputs(), image(5, 1)),
    "pruned_by_hooks": hooked,
    "parametrized": parametrized,
}
"""Architectures that a wiring must be right for."""

FAILING = {
    "data_dependent": lambda: (Branching(), torch.zeros(1, 4)),
    "lstm": lambda: (Recurrent(nn.LSTM), torch.zeros(1, 3, 4)),
    "gru": lambda: (Recurrent(nn.GRU), torch.zeros(1, 3, 4)),
    "unknown_cumsum": lambda: (Unknown(lambda x: x.cumsum(-1)), torch.zeros(1, 4)),
    "unknown_fft": lambda: (Unknown(lambda x: torch.fft.fft(x).real), torch.zeros(1, 4)),
    "wrong_input": lambda: (MLP((16, 8, 3)), torch.zeros(1, 5)),
}
"""Models and inputs that a wiring cannot be had of."""
