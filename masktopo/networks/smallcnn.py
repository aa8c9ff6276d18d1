"""A small convolutional network for small images such as the embedded digits."""

from collections import OrderedDict

from torch import nn

from masktopo.networks.shapes import image_shape

__all__ = ["smallcnn"]

_LEAST_EXTENT = 4


def smallcnn(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return three 3x3 convolutions of 32, 64 and 64 channels and two linear layers.

    The layers are one plain chain (``conv1``, ``conv2``, ``conv3``, ``fc1``, ``fc2``) with the
    flatten directly before ``fc1``, so that their order alone tells the wiring. They are wide
    enough for most of them to have left-regular subgraphs at densities from 0.05. The first
    pooling comes early because the second convolution would cost most: 0.9 million
    multiplications a sample of 8x8 pixels, and 89,632 weights.

    Parameters
    ----------
    input_shape : tuple of int
        Channels, height and width; at least 4 pixels each way.
    n_classes : int
        Number of logits.

    Raises
    ------
    ArgumentError
        If the samples are no images of that size.
    """
    channels, height, width = image_shape("smallcnn", input_shape, least=_LEAST_EXTENT)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    _add_convolution(modules, 1, channels, 32)
    modules["pool1"] = nn.MaxPool2d(2)
    _add_convolution(modules, 2, 32, 64)
    _add_convolution(modules, 3, 64, 64)
    modules["pool2"] = nn.MaxPool2d(2)
    modules["flatten"] = nn.Flatten()
    modules["fc1"] = nn.Linear(64 * (height // 2 // 2) * (width // 2 // 2), 128, bias=False)
    modules["norm4"] = nn.BatchNorm1d(128)
    modules["relu4"] = nn.ReLU()
    modules["fc2"] = nn.Linear(128, n_classes)
    return nn.Sequential(modules)


def _add_convolution(
    modules: OrderedDict[str, nn.Module], place: int, n_in: int, n_out: int
) -> None:
    """Append a 3x3 convolution that keeps the extents, its normalisation and ReLU."""
    modules[f"conv{place}"] = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
    modules[f"norm{place}"] = nn.BatchNorm2d(n_out)
    modules[f"relu{place}"] = nn.ReLU()
