"""Small random networks with their wirings: chains, and graphs with every kind of joint."""

import numpy as np

from masktopo.graphs.wiring import Link, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.wirings import landing, node_set, operand, spec, use


def random_mask(name, shape, rng, *, kind="linear", groups=1, weights=True):
    """Draw a mask of a random density, sometimes 0 or 1, and weights of which a few are 0."""
    density = rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], p=[0.06, 0.24, 0.3, 0.3, 0.1])
    weight = rng.normal(size=shape) * (rng.random(shape) > 0.05) if weights else None
    return LayerMask(name, rng.random(shape) < density, weight, kind=kind, groups=groups)


def random_chain(seed):
    """Draw convolutions (of one dimension), a flatten and linear layers, and their wiring."""
    rng = np.random.default_rng(seed)
    kernel = [(2,), (3, 2), (1, 2, 2)][rng.integers(0, 3)]
    n_conv, n_linear = rng.integers(0, 3), rng.integers(1, 3)
    nodes, links, layers = [node_set("input", int(rng.integers(1, 4)), "input")], [], []
    for index in range(n_conv + n_linear):
        width, before = int(rng.integers(1, 4)), nodes[-1]
        repeat = int(rng.integers(1, 4)) if index == n_conv > 0 else 1
        name = f"layer{index}"
        if index < n_conv:
            shape, kind = (width, before.channels, *kernel), f"conv{len(kernel)}d"
        else:
            shape, kind = (width, before.channels * repeat), "linear"
        layers.append(random_mask(name, shape, rng, kind=kind))
        sizes = {before.name: before.channels}
        view = operand([(before.name, repeat)], sizes, len(shape) - 2)
        links.append(Link(name, view, name, use(layers[-1]), landing=landing(layers[-1], width)))
        role = "output" if index == n_conv + n_linear - 1 else "hidden"
        nodes.append(node_set(name, width, role))
    return MaskSet(layers), Wiring(
        tuple(nodes), tuple(links), tuple(map(spec, layers)), assumed=True
    )


def random_network(seed):
    """Draw node sets one by one: layers over concatenations and flattens, additions, skips.

    Sets that nothing reads are outputs; a layer may be used in two places.
    """
    rng = np.random.default_rng(seed)
    sizes = {"x": int(rng.integers(1, 4))}
    if rng.random() < 0.3:
        sizes["y"] = int(rng.integers(1, 4))
    inputs, layers, links = set(sizes), {}, []
    for index in range(rng.integers(1, 5)):
        target, before = f"s{index}", dict(sizes)
        sizes[target] = int(rng.integers(1, 4))
        for _ in range(rng.integers(1, 3)):
            links.append(_random_link(target, before, sizes[target], layers, links, rng))
    read = {source for link in links for source in link.sources}
    nodes = [node_set(name, size, _role(name, inputs, read)) for name, size in sizes.items()]
    specs = tuple(map(spec, layers.values()))
    return MaskSet(layers.values()), Wiring(tuple(nodes), tuple(links), specs)


def _role(name, inputs, read):
    if name in inputs:
        return "input"
    return "hidden" if name in read else "output"


def _random_link(target, before, size, layers, links, rng):
    names = [str(name) for name in rng.choice(list(before), size=rng.integers(1, 3))]
    plain = operand([(name, 1) for name in names], before)
    width = sum(before[name] for name in names)
    if width == size and rng.random() < 0.5:
        return Link(None, plain, target, mark="skip")
    for old in links:
        fits = old.layer is not None and layers[old.layer].shape == (size, width)
        if fits and layers[old.layer].kind == "linear" and rng.random() < 0.5:
            return Link(old.layer, plain, target, use(layers[old.layer]))
    return _fresh_layer(f"w{len(links)}", names, width, size, target, before, layers, rng)


def _fresh_layer(name, names, width, size, target, before, layers, rng):
    if rng.random() < 0.4:
        groups = int(np.gcd(width, size)) if rng.random() < 0.5 else 1
        shape = (size, width // groups, 2, 1)
        layers[name] = random_mask(name, shape, rng, kind="conv2d", groups=groups)
        view = operand([(name, 1) for name in names], before, 2)
        return Link(name, view, target, use(layers[name]), landing=landing(layers[name], size))
    sources = [(source, int(rng.integers(1, 3))) for source in names]
    columns = sum(before[source] * repeat for source, repeat in sources)
    layers[name] = random_mask(name, (size, columns), rng)
    return Link(name, operand(sources, before), target, use(layers[name]))
