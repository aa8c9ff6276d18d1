"""Dynamic sparse training of a two-layer network by explicit NumPy, in double precision."""

import math

import numpy as np


def naive_update(weight, kept, growth, count):
    """Drop and grow one weight after the other; the new mask."""
    flat, mask, scores = weight.ravel(), kept.ravel().copy(), growth.ravel()
    for _ in range(count):  # of equal magnitudes the later place goes
        mask[min(np.flatnonzero(mask), key=lambda place: (abs(flat[place]), -place))] = False
    pruned = sorted(np.flatnonzero(~mask), key=lambda place: (-scores[place], place))
    mask[pruned[:count]] = True
    return mask.reshape(kept.shape)


def naive_fraction(step, steps):
    """Part of the weights that ITOP21 drops."""
    return 0.005 + 0.5 * (0.5 - 0.005) * (1 + math.cos(math.pi * step / steps))


def random_growth(seed, step, layer, shape):
    """Scores of random growth, from their documented key."""
    sequence = np.random.SeedSequence(seed, spawn_key=(3, step, layer))
    return np.random.Generator(np.random.PCG64(sequence)).random(shape)


def two_layer_gradients(first, second, inputs, labels):
    """Gradients of the mean cross-entropy of ``softmax(second @ tanh(first @ x))``."""
    gradients = [np.zeros_like(first), np.zeros_like(second)]
    for sample, label in zip(inputs, labels, strict=True):
        hidden = np.tanh(first @ sample)
        scores = np.exp(second @ hidden)
        errors = scores / scores.sum()
        errors[label] -= 1.0
        gradients[1] += np.outer(errors, hidden) / len(labels)
        back = (second.T @ errors) * (1 - hidden**2)
        gradients[0] += np.outer(back, sample) / len(labels)
    return gradients


def train_evolving(weights, masks, inputs, labels, *, steps, every, growth, seed, rate, decay):
    """Take full-batch steps of Nesterov SGD; weights and masks after each."""
    masks = [mask.copy() for mask in masks]
    weights = [np.where(mask, weight, 0.0) for weight, mask in zip(weights, masks, strict=True)]
    speeds = [np.zeros_like(weight) for weight in weights]
    after = []
    for step in range(1, steps + 1):
        gradients = two_layer_gradients(*weights, inputs, labels)
        for layer, gradient in enumerate(gradients):
            pull = gradient + decay * weights[layer]
            speeds[layer] = 0.9 * speeds[layer] + pull
            weights[layer] = weights[layer] - rate * (pull + 0.9 * speeds[layer])
            weights[layer][~masks[layer]] = speeds[layer][~masks[layer]] = 0.0
            if step % every == 0 and step < steps:
                shape = weights[layer].shape
                scores = {
                    "random": random_growth(seed, step, layer, shape),
                    "gradient": np.abs(gradient),
                }[growth]
                count = math.ceil(naive_fraction(step, steps) * masks[layer].sum())
                masks[layer] = naive_update(weights[layer], masks[layer], scores, count)
                weights[layer][~masks[layer]] = speeds[layer][~masks[layer]] = 0.0
        after.append(([w.copy() for w in weights], [m.copy() for m in masks]))
    return after
