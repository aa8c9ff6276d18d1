"""PHEW in plain Python over an explicit table of steps: ``node -> [(head, place, weight), ...]``.

A step's place is that of its weight in the flat vector of prunable weights, or None.
"""

from collections import defaultdict


def naive_walk(steps, node, outputs, generator):
    """Return the places along one walk, or None if it does not end at an output."""
    places = []
    while sum(weight for _, _, weight in steps[node]):
        drawn = generator.random() * sum(weight for _, _, weight in steps[node])
        choice = 0
        while drawn >= steps[node][choice][2]:
            drawn -= steps[node][choice][2]
            choice += 1
        node, place, _ = steps[node][choice]
        places.append(place)
    return places if node in outputs else None


def naive_visits(steps, starts, outputs, room, most, generator):
    """Return place -> number of its first visit, with `room` for so many in every range."""
    numbers, room = {}, dict(room)
    for _ in range(most):
        if not any(room.values()):
            break
        start = starts[generator.integers(0, len(starts))]
        for place in naive_walk(steps, start, outputs, generator) or ():
            span = next((span for span in room if place in span), None)
            if place not in numbers and span is not None and room[span]:
                numbers[place] = len(numbers) + 1
                room[span] -= 1
    return numbers


def naive_order(weights, numbers):
    """Return the score of every weight: visited ones first to last, then the others."""
    return [
        2 - (numbers[place] - 1) / len(weights)
        if place in numbers
        else abs(weight) / max(map(abs, weights))
        for place, weight in enumerate(weights)
    ]


def steps_of_mlp(weights):
    """Return the steps of linear layers in a row: node ``(depth, neuron)``."""
    steps, first = defaultdict(list), 0
    for depth, weight in enumerate(weights):
        for row in range(weight.shape[0]):
            for column in range(weight.shape[1]):
                place = first + row * weight.shape[1] + column
                head = (depth + 1, row)
                steps[depth, column].append((head, place, abs(weight[row, column])))
        first += weight.size
    return steps


def steps_of_residual(stem, inner, head, positions):
    """Return the steps of ``head(flatten(stem(x) + depthwise(stem(x))))``.

    Channels of the addition are ``("sum", c)``: the depthwise convolution's edges land there, and
    the skip's of weight 1.
    """
    steps, place = defaultdict(list), 0
    for row, column, *_ in _indices(stem):
        steps["x", column].append((("stem", row), place, abs(stem.flat[place])))
        place += 1
    for at, (channel, *_) in enumerate(_indices(inner)):
        steps["stem", channel].append((("sum", channel), place + at, abs(inner.flat[at])))
    for channel in range(inner.shape[0]):
        steps["stem", channel].append((("sum", channel), None, 1.0))
    place += inner.size
    for at, (row, column) in enumerate(_indices(head)):
        channel = column // positions
        steps["sum", channel].append((("out", row), place + at, abs(head.flat[at])))
    return steps


def _indices(array):
    """Yield the index of every entry in C order, without numpy's help."""
    index = [0] * array.ndim
    for _ in range(array.size):
        yield tuple(index)
        axis = array.ndim - 1
        while axis >= 0 and index[axis] == array.shape[axis] - 1:
            index[axis] = 0
            axis -= 1
        index[axis] += 1
