"""Masked softmax regression by explicit steps of SGD, in NumPy."""

import numpy as np


def train_masked_regression(
    weight, bias, keep, inputs, labels, *, rates, momentum, nesterov, weight_decay
):
    """Take one full-batch step for every rate; the weights and biases after each step."""
    speeds = {"weight": np.zeros_like(weight), "bias": np.zeros_like(bias)}
    values = {"weight": np.where(keep, weight, 0.0), "bias": bias.copy()}
    after = []
    for rate in rates:
        gradients = regression_gradients(values["weight"], values["bias"], inputs, labels)
        for name, value in values.items():
            gradient = gradients[name] + weight_decay * value
            speeds[name] = momentum * speeds[name] + gradient
            direction = gradient + momentum * speeds[name] if nesterov else speeds[name]
            values[name] = value - rate * direction
        values["weight"][~keep] = 0.0
        speeds["weight"][~keep] = 0.0
        after.append((values["weight"].copy(), values["bias"].copy()))
    return after


def regression_gradients(weight, bias, inputs, labels):
    """Gradients of the mean cross-entropy of ``softmax(weight @ x + bias)``."""
    gradient = {"weight": np.zeros_like(weight), "bias": np.zeros_like(bias)}
    for sample, label in zip(inputs, labels, strict=True):
        scores = np.exp(weight @ sample + bias)
        errors = scores / scores.sum()
        errors[label] -= 1.0
        gradient["weight"] += np.outer(errors, sample) / len(labels)
        gradient["bias"] += errors / len(labels)
    return gradient
