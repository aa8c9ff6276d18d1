"""Architectures as people write them, at small sizes: ZOO and FAILING map names to factories.

A factory takes nothing and returns a model and an example input.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils import parametrize, prune


def image(size=8, channels=3):
    return torch.zeros(1, channels, size, size)


# Plain chains


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))

    def forward(self, x):
        x = x.view(x.size(0), -1)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return F.log_softmax(self.layers[-1](x), dim=1)


class VGG(nn.Module):
    """Pools are functional, so that no module tells of them."""

    def __init__(self, widths):
        super().__init__()
        pairs = zip([3, *widths[:-1]], widths, strict=True)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairs)
        self.norms = nn.ModuleList(map(nn.BatchNorm2d, widths))
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * 4, 10), nn.ReLU(True), nn.Dropout(), nn.Linear(10, 5)
        )

    def forward(self, x):
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = F.relu(norm(conv(x)), inplace=True)
            if index % 2:
                x = F.max_pool2d(x, 2, 2)
        return self.classifier(torch.flatten(x, 1))


# Residual networks


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = shortcut(n_in, width, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class Bottleneck(nn.Module):
    """As torchvision writes it."""

    expansion = 2

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 2, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 2)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(n_in, width * 2, stride)

    def forward(self, x):
        identity = self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class PreActivation(nn.Module):
    """The shortcut leaves behind the first activation where it is a convolution."""

    expansion = 1

    def __init__(self, n_in, width, stride, shortcut):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.shortcut = shortcut(n_in, width, stride)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        skip = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(out)
        return self.conv2(F.relu(self.bn2(self.conv1(out)))) + skip


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def option_a(n_in, width, stride):
    """Every other position and zero channels on both sides."""
    if n_in == width and stride == 1:
        return nn.Sequential()
    before = (width - n_in) // 2
    after = width - n_in - before
    return Lambda(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, after), "constant", 0))


def option_b(n_in, width, stride):
    if n_in == width and stride == 1:
        return nn.Identity()
    conv = nn.Conv2d(n_in, width, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


def bare_conv(n_in, width, stride):
    if n_in == width and stride == 1:
        return nn.Identity()
    return nn.Conv2d(n_in, width, 1, stride, bias=False)


def cifar_stem(width):
    return nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


def imagenet_stem(width):
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    )


def bare_stem(width):
    return nn.Conv2d(3, width, 3, 1, 1, bias=False)


class ResNet(nn.Module):
    def __init__(self, block, stem, shortcut, widths, *, blocks=1, final_norm=False):
        super().__init__()
        self.stem = stem(widths[0])
        stages, n_in = [], widths[0]
        for index, width in enumerate(widths):
            for number in range(blocks):
                stride = 2 if index and not number else 1
                stages.append(block(n_in, width, stride, shortcut))
                n_in = width * block.expansion
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(n_in) if final_norm else nn.Identity()
        self.fc = nn.Linear(n_in, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.stages(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


# Mobile and dense networks


class InvertedResidual(nn.Module):
    def __init__(self, n_in, n_out, stride, expand):
        super().__init__()
        hidden = n_in * expand
        self.use_res_connect = stride == 1 and n_in == n_out
        self.conv = nn.Sequential(
            nn.Conv2d(n_in, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, n_out, 1, groups=2, bias=False),
            nn.BatchNorm2d(n_out),
        )

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.Hardswish(),
            InvertedResidual(4, 4, 1, 2),
            InvertedResidual(4, 6, 2, 2),
        )
        self.classifier = nn.Linear(6, 3)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


class DenseLayer(nn.Module):
    def __init__(self, n_in, growth):
        super().__init__()
        self.norm = nn.BatchNorm2d(n_in)
        self.conv = nn.Conv2d(n_in, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.block1 = nn.Sequential(DenseLayer(4, 2), DenseLayer(6, 2))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False), nn.AvgPool2d(2)
        )
        self.block2 = nn.Sequential(DenseLayer(4, 2), DenseLayer(6, 2))
        self.classifier = nn.Linear(8, 3)

    def forward(self, x):
        x = self.block2(self.transition(self.block1(self.stem(x))))
        return self.classifier(F.adaptive_avg_pool2d(F.relu(x), (1, 1)).flatten(1))


class UNet(nn.Module):
    """One long skip goes with a transposed convolution, one with bilinear upsampling."""

    def __init__(self):
        super().__init__()
        self.enc1, self.enc2 = self.double(1, 2), self.double(2, 3)
        self.mid = self.double(3, 4)
        self.up2 = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.dec2 = self.double(6, 3)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.dec1 = self.double(5, 2)
        self.out = nn.Conv2d(2, 1, 1)

    @staticmethod
    def double(n_in, n_out):
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        first = self.enc1(x)
        second = self.enc2(F.max_pool2d(first, 2))
        x = self.mid(F.max_pool2d(second, 2))
        x = self.dec2(torch.cat([second, self.up2(x)], dim=1))
        x = self.dec1(torch.cat([first, self.up1(x)], dim=1))
        return torch.sigmoid(self.out(x))


# Attention


class ViTBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width)
        )

    def forward(self, x):
        normed = self.norm1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class FusedBlock(nn.Module):
    """As timm writes it: one layer for queries, keys and values."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def attention(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, block, width=4, depth=2, heads=2):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, width))
        self.blocks = nn.ModuleList(block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class RMSNorm(nn.Module):
    """Written out: see the oracle's notes on what its product with a statistic is."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def rotated(x, cos, sin):
    """Rotary position embedding."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class DecoderBlock(nn.Module):
    def __init__(self, width, heads, kv_heads, norm):
        super().__init__()
        size = width // heads
        self.heads, self.kv_heads, self.size = heads, kv_heads, size
        self.input_norm, self.post_norm = norm(width), norm(width)
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * size, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * size, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)
        self.gate_proj = nn.Linear(width, 2 * width, bias=False)
        self.up_proj = nn.Linear(width, 2 * width, bias=False)
        self.down_proj = nn.Linear(2 * width, width, bias=False)

    def attention(self, x, cos, sin):
        batch, length, width = x.shape
        query = self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2)
        key = self.k_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        value = self.v_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        query, key = rotated(query, cos, sin), rotated(key, cos, sin)
        key, value = (t.repeat_interleave(self.heads // self.kv_heads, dim=1) for t in (key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x, cos, sin):
        x = x + self.attention(self.input_norm(x), cos, sin)
        normed = self.post_norm(x)
        return x + self.down_proj(F.silu(self.gate_proj(normed)) * self.up_proj(normed))


class Decoder(nn.Module):
    """With embedding and head tied."""

    def __init__(self, norm, vocabulary=5, width=4, depth=2, length=4):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(DecoderBlock(width, 2, 1, norm) for _ in range(depth))
        self.norm = norm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.embed.weight
        angles = torch.outer(torch.arange(length).float(), 10000.0 ** -torch.arange(0.0, 1.0))
        self.register_buffer("cos", torch.cat((angles, angles), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angles, angles), -1).sin(), persistent=False)

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.lm_head(self.norm(x))


class WrittenOut(nn.Module):
    """Causal attention by hand at the root of a model."""

    def __init__(self, width=4):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, 2)
        self.register_buffer("mask", torch.tril(torch.ones(3, 3)).view(1, 3, 3))

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / math.sqrt(x.shape[-1])
        scores = scores.masked_fill(self.mask == 0, float("-inf"))
        return self.out(torch.softmax(scores, dim=-1) @ self.v(x))


# Gates, several inputs and outputs, shared and rewritten weights


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, 2)
        self.fc2 = nn.Linear(2, channels)

    def forward(self, x):
        scale = F.relu(self.fc1(x.mean(dim=(2, 3))))
        return x * torch.sigmoid(self.fc2(scale)).view(x.size(0), -1, 1, 1)


class SENet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.se1 = nn.Conv2d(3, 4, 3, padding=1), SqueezeExcite(4)
        self.conv2, self.se2 = nn.Conv2d(4, 4, 3, padding=1), SqueezeExcite(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.se1(self.conv1(x)))
        x = F.relu(x + self.se2(self.conv2(x)))
        return self.fc(x.mean((-2, -1)))


class Gated(nn.Module):
    """A gated convolution and a gated linear unit."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(2, 4, 3, padding=1)
        self.up, self.down = nn.Linear(6, 8), nn.Linear(4, 3)

    def forward(self, x):
        x = torch.tanh(self.conv(x)) * torch.sigmoid(self.gate(x))
        return self.down(F.glu(self.up(x), dim=-1))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
        self.head = nn.Linear(6, 1)

    def forward(self, left, right):
        first, second = self.encoder(left), self.encoder(right)
        return self.head(torch.cat([first - second, first * second], dim=-1))


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(1, 3, 3, padding=1)
        self.label, self.box = nn.Linear(3, 4), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        features = F.relu(self.trunk(x))
        return {"label": self.label(features.mean((2, 3))), "box": self.box(features)}


class Masked(nn.Module):
    """A parametrization that multiplies by a mask."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def hooked():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))
    prune.random_unstructured(model[0], "weight", amount=0.5)
    prune.random_unstructured(model[3], "weight", amount=0.5)
    return model, image(4, 1)


def parametrized():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    for layer in (model[0], model[2]):
        parametrize.register_parametrization(
            layer, "weight", Masked((torch.rand_like(layer.weight) < 0.5).float())
        )
    return model, torch.zeros(1, 6)


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


class Branching(nn.Module):
    """Which layer runs depends on the data."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.first(x) if x.sum() > 0 else self.second(x)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.head = kind(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Unknown(nn.Module):
    """An operation between two layers of which nobody said what it does to nodes."""

    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(4, 4), nn.Linear(4, 2), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


FAILING = {
    "data_dependent": lambda: (Branching(), torch.zeros(1, 4)),
    "lstm": lambda: (Recurrent(nn.LSTM), torch.zeros(1, 3, 4)),
    "gru": lambda: (Recurrent(nn.GRU), torch.zeros(1, 3, 4)),
    "unknown_cumsum": lambda: (Unknown(lambda x: x.cumsum(-1)), torch.zeros(1, 4)),
    "unknown_fft": lambda: (Unknown(lambda x: torch.fft.fft(x).real), torch.zeros(1, 4)),
    "wrong_input": lambda: (MLP((16, 8, 3)), torch.zeros(1, 5)),
}
"""Models and inputs that a wiring cannot be had of."""
