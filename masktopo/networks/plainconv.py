"""Networks that are plain chains of 3x3 convolutions and poolings."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from masktopo.networks.shapes import image_shape

__all__ = ["conv6", "vgg16"]

_VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_CONV6 = ((64, 64), (128, 128), (256, 256))


def vgg16(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return VGG-16 with normalisation for CIFAR: 14,724,042 parameters for its 10 classes.

    Thirteen convolutions in five stages, a mean over what is left of the image, and one linear
    layer in place of the three for ImageNet. The convolutions have no biases, which the
    normalisation behind them would take away again; with its 4,224 biases the network has the
    14,728,266 parameters that are usually given for it.

    Raises
    ------
    ArgumentError
        If the samples are no images of at least 32x32 pixels.

    References
    ----------
    K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image
    Recognition*, ICLR 2015.
    """
    channels, _, _ = image_shape("vgg16", input_shape, least=2 ** len(_VGG16))
    modules = _stages(channels, _VGG16, normalised=True)
    modules["pool"] = nn.AdaptiveAvgPool2d(1)
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(_VGG16[-1][-1], n_classes)
    return nn.Sequential(modules)


def conv6(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return Conv-6: six convolutions in three stages and three linear layers, all with biases.

    For CIFAR-10, 1,144,512 of its 2,261,184 weights are in the convolutions.

    Raises
    ------
    ArgumentError
        If the samples are no images of at least 8x8 pixels.

    References
    ----------
    J. Frankle, M. Carbin, *The Lottery Ticket Hypothesis*, ICLR 2019, figure 2.
    """
    stages = len(_CONV6)
    channels, height, width = image_shape("conv6", input_shape, least=2**stages)
    modules = _stages(channels, _CONV6, normalised=False)
    modules["flatten"] = nn.Flatten()
    n_in = _CONV6[-1][-1] * (height >> stages) * (width >> stages)
    for place, n_out in enumerate((256, 256), start=1):
        modules[f"fc{place}"] = nn.Linear(n_in, n_out)
        modules[f"relu_fc{place}"] = nn.ReLU()
        n_in = n_out
    modules["fc3"] = nn.Linear(n_in, n_classes)
    return nn.Sequential(modules)


def _stages(
    n_in: int, stages: Sequence[Sequence[int]], *, normalised: bool
) -> OrderedDict[str, nn.Module]:
    """Chain convolutions ``conv1``, ``conv2``, ... and halve the image behind every stage."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    place = 0
    for stage, widths in enumerate(stages, start=1):
        for n_out in widths:
            place += 1
            modules[f"conv{place}"] = nn.Conv2d(n_in, n_out, 3, padding=1, bias=not normalised)
            if normalised:
                modules[f"bn{place}"] = nn.BatchNorm2d(n_out)
            modules[f"relu{place}"] = nn.ReLU()
            n_in = n_out
        modules[f"pool{stage}"] = nn.MaxPool2d(2)
    return modules
