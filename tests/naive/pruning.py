"""Slow, plain pruning: what `masktopo.pruning` must agree with."""

from fractions import Fraction
from itertools import product
from math import floor, prod

import numpy as np
import torch


def naive_keep_highest(scores, count):
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    return np.isin(np.arange(len(scores)), order[:count])


def naive_layer_counts(shapes, total, rule):
    """RIGL20 in fractions, one layer made dense at a time, the worst first."""
    raw = {
        "uniform": lambda shape: Fraction(1),
        "er": lambda shape: Fraction(shape[0] + shape[1], shape[0] * shape[1]),
        "erk": lambda shape: Fraction(sum(shape), prod(shape)),
    }[rule]
    dense = set()
    while True:
        rest = total - sum(prod(shapes[place]) for place in dense)
        open_places = [place for place in range(len(shapes)) if place not in dense]
        if not open_places:
            return [prod(shape) for shape in shapes]
        scale = rest / sum(raw(shapes[place]) * prod(shapes[place]) for place in open_places)
        worst = max(open_places, key=lambda place: raw(shapes[place]))
        if scale * raw(shapes[worst]) <= 1:
            break
        dense.add(worst)
    exact = [
        Fraction(prod(shape)) if place in dense else scale * raw(shape) * prod(shape)
        for place, shape in enumerate(shapes)
    ]
    counts = [floor(value) for value in exact]
    while sum(counts) < total:
        left = [value - count for value, count in zip(exact, counts, strict=True)]
        counts[left.index(max(left))] += 1
    return counts


def naive_snip_by_removal(model, weights, batches, size, step=1e-6):
    """``|dL/dc|`` at ``c = 1``, where every weight is ``c * w``, by central differences."""
    scores = []
    with torch.no_grad():
        for weight in weights:
            flat = weight.view(-1)
            for place in range(flat.numel()):
                value, losses = flat[place].clone(), []
                for factor in (1 + step, 1 - step):
                    flat[place] = value * factor
                    losses.append(
                        sum(
                            torch.nn.functional.cross_entropy(
                                model(inputs), labels, reduction="sum"
                            )
                            for inputs, labels in batches
                        )
                    )
                flat[place] = value
                scores.append(abs(float(losses[0] - losses[1])) / (2 * step) / size)
    return np.array(scores)


def naive_snip_masks(model, weights, batches, size, density, rounds):
    """Iterative SNIP: prune in rounds, removing weights from the model itself."""
    originals = [weight.detach().clone() for weight in weights]
    kept = np.ones(sum(weight.numel() for weight in weights), dtype=bool)
    for place in range(1, rounds + 1):
        scores = naive_snip_by_removal(model, weights, batches, size)
        scores[~kept] = -1
        kept = naive_keep_highest(scores, round(density ** (place / rounds) * kept.size))
        parts = np.split(kept, np.cumsum([weight.numel() for weight in weights])[:-1])
        with torch.no_grad():
            for weight, part in zip(weights, parts, strict=True):
                weight.mul_(torch.from_numpy(part).view(weight.shape))
    with torch.no_grad():
        for weight, original in zip(weights, originals, strict=True):
            weight.copy_(original)
    return kept


def naive_softmax_gradient(weight, inputs, labels, size, temperature=1.0):
    """Gradient of one linear layer without bias: ``(softmax - label) x``, summed by sample."""
    gradient = np.zeros_like(weight)
    for sample, label in zip(inputs, labels, strict=True):
        logits = weight @ sample / temperature
        chances = np.exp(logits) / np.exp(logits).sum()
        chances[label] -= 1
        gradient += np.outer(chances, sample) / temperature
    return gradient / size


def naive_snip_of_softmax(weight, inputs, labels, size):
    """SNIP of one linear layer without bias."""
    return np.abs(weight * naive_softmax_gradient(weight, inputs, labels, size)).ravel()


def naive_half_slopes(squared_norm, weights, step=1e-5):
    """Half of ``d||g||^2 / dc`` at ``c = 1``, where every weight is ``c * w``: ``w * Hg``."""
    slopes = []
    for weight in weights:
        flat = weight.reshape(-1)
        for place in range(flat.size):
            value, norms = flat[place], []
            for factor in (1 + step, 1 - step):
                flat[place] = value * factor
                norms.append(squared_norm())
            flat[place] = value
            slopes.append((norms[0] - norms[1]) / (4 * step))
    return np.array(slopes)


def naive_squared_gradient_norm(model, weights, batches, size, temperature):
    """``||g||^2`` by plain backward passes, for `naive_half_slopes`."""
    for weight in weights:
        weight.grad = None
    for inputs, labels in batches:
        logits = model(inputs) / temperature
        (torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / size).backward()
    return sum(float((weight.grad**2).sum()) for weight in weights)


def naive_synflow(weights):
    """Sum over all paths through each weight of the product of absolute weights."""
    scores = [np.zeros_like(weight) for weight in weights]
    widths = [weights[0].shape[1], *(weight.shape[0] for weight in weights)]
    for path in product(*(range(width) for width in widths)):
        value = prod(
            abs(weight[path[depth + 1], path[depth]]) for depth, weight in enumerate(weights)
        )
        for depth, score in enumerate(scores):
            score[path[depth + 1], path[depth]] += value
    return scores


def naive_synflow_masks(weights, density, rounds):
    """SYN20, algorithm 1: prune in rounds, rescoring what is left."""
    size = sum(weight.size for weight in weights)
    cuts = np.cumsum([weight.size for weight in weights])[:-1]
    kept = np.ones(size, dtype=bool)
    for place in range(1, rounds + 1):
        masked = [
            weight * part.reshape(weight.shape)
            for weight, part in zip(weights, np.split(kept, cuts), strict=True)
        ]
        scores = np.concatenate([score.ravel() for score in naive_synflow(masked)])
        scores[~kept] = -1
        kept = naive_keep_highest(scores, round(density ** (place / rounds) * size))
    return kept
