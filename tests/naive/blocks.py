"""Modules that the random architectures are made of."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class HeldOut(nn.Module):
    """A matrix held by the module itself, of shape (in, out)."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(n_in, n_out))

    def forward(self, x):
        return x @ self.matrix


class PositionTable(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, *shape))

    def forward(self, x):
        return x + self.table


class Scale(nn.Module):
    """One learned factor a channel, or a buffer that broadcasts the data."""

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("factor", torch.ones(2, *[1] * (len(shape) - 1)))
        self.scale = nn.Parameter(torch.ones(shape[1], *[1] * (len(shape) - 2)))

    def forward(self, x):
        return (self.scale * x) / self.factor[0]


class ClassToken(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))

    def forward(self, x):
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1)


class Residual(nn.Module):
    def __init__(self, body, skip, join):
        super().__init__()
        self.body, self.skip, self.join = body, skip, join

    def forward(self, x):
        return self.join(self.body(x), self.skip(x))


class FreshBranches(nn.Module):
    """Branches of one input, joined from first to last."""

    def __init__(self, branches, join):
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x):
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = self.join(total, branch(x))
        return total


class PaddedShortcut(nn.Module):
    """Every other position, and new channels of zeros around the old ones."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        half = self.channels // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.channels - half))


class Excited(nn.Module):
    """Squeeze and excitation of a layer's output; `fused` gates a layer that nothing else reads."""

    def __init__(self, channels, hidden, *, fused):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.fused = fused

    def forward(self, x):
        features = self.conv(x)
        squeezed = F.adaptive_avg_pool2d(x if self.fused else features, 1)
        return features * torch.sigmoid(self.expand(F.relu(self.reduce(squeezed))))


class GatedUnit(nn.Module):
    def __init__(self, width, hidden, *, halves):
        super().__init__()
        self.halves = halves
        self.up = nn.Linear(width, 2 * hidden if halves else hidden)
        self.gate = nn.Identity() if halves else nn.Linear(width, hidden)

    def forward(self, x):
        if self.halves:
            value, gate = self.up(x).chunk(2, -1)
            return value * torch.sigmoid(gate)
        return self.up(x) * F.silu(self.gate(x))


class Dense(nn.Module):
    """Concatenation of a branch with its input, and perhaps with a constant."""

    def __init__(self, branch, *, constant):
        super().__init__()
        self.branch, self.constant = branch, constant

    def forward(self, x):
        parts = [x, self.branch(x)]
        if self.constant:
            parts.append(torch.ones_like(x[:, :1]))
        return torch.cat(parts, 1)


class Twice(nn.Module):
    def __init__(self, layer, how):
        super().__init__()
        self.layer, self.how = layer, how

    def forward(self, x):
        first = self.layer(x)
        if self.how == "after":
            return self.layer(F.relu(first))
        return first + self.layer(x.flip(-1) if self.how == "turned" else x)


class SelfAttention(nn.Module):
    """Heads through scaled_dot_product_attention, keys and values shared by several if fewer."""

    def __init__(self, width, heads, causal, *, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.size, self.causal = heads, kv_heads, width // heads, causal
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, kv_heads * self.size)
        self.value = nn.Linear(width, kv_heads * self.size)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        length, width = x.shape[1:]
        query = self.query(x).view(1, length, self.heads, self.size).transpose(1, 2)
        key, value = (
            layer(x)
            .view(1, length, self.kv_heads, self.size)
            .transpose(1, 2)
            .repeat_interleave(self.heads // self.kv_heads, 1)
            for layer in (self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, **self.mask(length))
        return self.out(mixed.transpose(1, 2).reshape(1, length, width))

    def mask(self, length):
        if self.causal == "flag":
            return {"is_causal": True}
        lower = torch.ones(length, length, dtype=torch.bool).tril()
        if self.causal == "boolean":
            return {"attn_mask": lower}
        if self.causal == "additive":
            return {"attn_mask": torch.zeros(length, length).masked_fill(~lower, -math.inf)}
        return {}


class AtOnce(nn.Module):
    """`nn.MultiheadAttention`, with averaged attention weights (that nothing reads) or without."""

    def __init__(self, width, heads, *, causal, averaged):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.causal, self.averaged = causal, averaged

    def forward(self, x):
        mask = None
        if self.causal:
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.attention(x, x, x, attn_mask=mask, need_weights=self.averaged)[0]


class Causal(nn.Module):
    """Attention written out, with one fused layer for queries, keys and values."""

    def __init__(self, width, heads, *, masked):
        super().__init__()
        self.heads, self.size, self.masked = heads, width // heads, masked
        self.fused = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        length, width = x.shape[1:]
        query, key, value = (
            part.view(1, length, self.heads, self.size).transpose(1, 2)
            for part in self.fused(x).split(width, -1)
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(self.size)
        if self.masked:
            upper = torch.ones(length, length, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(upper, -math.inf)
        mixed = F.dropout(scores.softmax(-1), 0.1, self.training) @ value
        return self.out(mixed.transpose(1, 2).reshape(1, length, width))


class Ends(nn.Module):
    """Trunks of one input each, joined elementwise or one behind another, and an output an end."""

    def __init__(self, trunks, join, ends):
        super().__init__()
        self.trunks, self.join, self.ends = nn.ModuleList(trunks), join, nn.ModuleList(ends)

    def forward(self, *inputs):
        parts = [trunk(x) for trunk, x in zip(self.trunks, inputs, strict=True)]
        if self.join is None:
            parts = [torch.cat([part.flatten(1) for part in parts], 1)]
        joined = parts[0] if len(parts) == 1 else self.join(*parts)
        results = tuple(end(joined) for end in self.ends)
        return results if len(results) > 1 else results[0]
