"""Architectures as people write them, traced and analyzed from pruned checkpoints."""

import copy
import io
import math

import numpy as np
import pytest
import torch

from masktopo.analysis import analyze
from masktopo.errors import MasktopoError
from masktopo.graphs import tracing
from masktopo.graphs.build import multipartite
from masktopo.metrics.paths import path_metrics
from tests.naive.exported import exported
from tests.naive.graph_blocks import assert_blocks, assert_log10, assert_sets
from tests.naive.jacobian import oracle_of, total
from tests.naive.zoo import FAILING, ZOO

REWRITTEN = ("pruned_by_hooks", "parametrized")
"""Models that hold masks of their own."""


def pruned(name):
    """Build a model with half of its weights exactly 0: model, example input, masks by layer."""
    torch.manual_seed(0)
    model, example = ZOO[name]()
    program = exported(model, example)
    used = oracle_of(program, {}).layers
    places = {layer: at for at, layer in program.layers.items()}
    masks = {}
    for layer in used:
        weight = program.constants[places[layer]]
        masks[layer] = (torch.rand(weight.shape) < 0.5).numpy()
    return model, example, program, masks


def checkpoint(model, masks):
    """Save a state dict with zeros, and read it back, as a file would be."""
    state = copy.deepcopy(model.state_dict())  # tied parameters stay tied
    for layer, mask in masks.items():
        for name in (layer, f"{layer}.weight"):
            if name in state:
                state[name].mul_(torch.from_numpy(mask))
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def own_masks(model):
    """Return the masks that a model's hooks or parametrizations hold."""
    found = {}
    for name, buffer in model.named_buffers():
        if name.endswith("mask"):
            found[name.split(".")[0]] = buffer.numpy() != 0
    return found


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", [name for name in ZOO if name not in REWRITTEN])
def test_a_pruned_checkpoint_has_the_graph_of_its_jacobian(name):
    model, example, program, masks = pruned(name)
    oracle, before = oracle_of(program, masks), state_of(model)
    given = {"model": model, "example_input": example}
    graph = multipartite(checkpoint(model, masks), **given, encoding="unrolled")
    assert_sets(graph.wiring, oracle, name)
    assert_blocks(graph, oracle.blocks(), name)
    paths = total(oracle.end_to_end())
    assert paths > 0
    assert_log10(path_metrics(graph).log10_paths, paths, name, 1e-11)
    channels = multipartite(checkpoint(model, masks), **given, encoding="channel")
    axes = {each: graph.wiring.node_sets[each].channel_axes for each in oracle.inputs}
    assert_blocks(channels, oracle.channel_blocks(axes), name)
    for key, value in state_of(model).items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_model_that_holds_its_masks(name):
    torch.manual_seed(0)
    model, example = ZOO[name]()
    expected = total(oracle_of(exported(model, example), own_masks(model)).end_to_end())
    graph = multipartite(model, model=model, example_input=example, encoding="unrolled")
    assert_log10(path_metrics(graph).log10_paths, expected, name, 1e-11)


@pytest.mark.parametrize("name", ["resnet_cifar_b", "unet", "vit", "decoder", "siamese"])
def test_analyze_reports_the_paths(name):
    model, example, program, masks = pruned(name)
    expected = total(oracle_of(program, masks).end_to_end())
    report = analyze(
        checkpoint(model, masks), model=model, example_input=example, encoding="unrolled"
    )
    np.testing.assert_allclose(report.network["log10_paths"], math.log10(expected), rtol=1e-11)


@pytest.mark.parametrize("name", ["resnet_cifar_a", "mobilenet", "vit_fused", "two_outputs"])
def test_training_mode_is_normal_input(name):
    model, example = ZOO[name]()
    trained = copy.deepcopy(model).train()
    assert tracing.trace(trained, example) == tracing.trace(model.eval(), example)
    assert trained.training


def test_a_normalisation_that_is_written_out_is_one():
    own, module = (tracing.trace(*ZOO[name]()) for name in ("decoder_own_norm", "decoder"))
    assert own == module


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data_dependent", "data"),
        ("lstm", "lstm"),
        ("gru", "gru"),
        ("unknown_cumsum", "cumsum"),
        ("unknown_fft", "fft_fft"),
        ("wrong_input", "example input"),
    ],
)
def test_what_cannot_be_wired_says_so(name, words):
    with pytest.raises(MasktopoError, match=words):
        tracing.trace(*FAILING[name]())
