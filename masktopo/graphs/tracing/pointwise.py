"""Operations element by element: one data operand is passed on, several are joined."""

from collections.abc import Iterator

import torch

from masktopo.graphs.rearrange import broadcast, taken
from masktopo.graphs.tracing.attention import scores_through
from masktopo.graphs.tracing.calls import Call, Result, Rule
from masktopo.graphs.tracing.program import operation_name
from masktopo.graphs.tracing.values import Aside, Fixed, Flow, Scores

__all__ = ["POINTWISE", "is_pointwise", "pointwise"]

_RATIOS = ("aten.div", "aten.mul")


def is_pointwise(operation: object) -> bool:
    """Whether PyTorch itself says that an operation acts element by element."""
    return torch.Tag.pointwise in getattr(operation, "tags", ())


def pointwise(call: Call) -> Result:
    """Pass on the one data operand, or join several."""
    if any(isinstance(value, Scores) for value in call.tensors):
        return scores_through(call)
    return _joined(call, call.flows)


def chosen(call: Call) -> Result:
    """Join what is chosen from; the condition makes no nodes."""
    if any(isinstance(value, Scores) for value in call.tensors):
        return scores_through(call)
    parts = (call.arguments["self"], call.arguments["other"])
    return _joined(call, [part for part in parts if isinstance(part, Flow)])


def filled(call: Call) -> Result:
    """Pass on what is filled; the mask makes no nodes."""
    if isinstance(call.arguments["self"], Scores):
        return scores_through(call)
    found = call.arguments["self"]
    return _joined(call, [found] if isinstance(found, Flow) else [])


def passed_on(call: Call) -> Result:
    """Pass on the first argument, whatever constants or statistics come along."""
    first = next(iter(call.arguments.values()))
    if isinstance(first, Scores):
        return first
    return _joined(call, [first]) if isinstance(first, Flow) else Fixed(call.node)


def normalised(call: Call) -> Result:
    """Pass on the first argument of a normalisation that also gives its statistics."""
    found = passed_on(call)
    assert not isinstance(found, tuple)
    rest = len(call.node.meta["val"]) - 1
    return (found, *[Aside("statistics of a normalisation")] * rest)


def gated_halves(call: Call) -> Result:
    """Join the halves of a gated linear unit."""
    flow, axis = call.flow("self"), call.arguments["dim"]
    half = call.shape[axis]
    parts = [taken(flow.view, axis, range(at, at + half)) for at in (0, half)]
    return call.draft.join([Flow(part) for part in parts], call.shape, call.node)


def _joined(call: Call, flows: list[Flow]) -> Result:
    if not flows:
        return Fixed(call.node)
    first = flows[0]
    if all(flow is first for flow in flows):
        # One tensor, or several functions of it: an activation that is written out.
        same = first.view.shape == call.shape
        return first if same else Flow(broadcast(first.view, call.shape), first.statistic)
    own = _of_own_statistic(call, flows)
    return own or call.draft.join(flows, call.shape, call.node)


def _of_own_statistic(call: Call, flows: list[Flow]) -> Flow | None:
    """Return the tensor that is divided by, multiplied with or centred on its own statistic."""
    name = operation_name(call.node)
    for first, second in _ordered(flows):
        found = second.statistic
        fits = found is not None and found.of == first.view and first.view.shape == call.shape
        if fits and found is not None and (name in _RATIOS or (name == "aten.sub" and found.whole)):
            return first
    return None


def _ordered(flows: list[Flow]) -> Iterator[tuple[Flow, Flow]]:
    if len(flows) == 2:
        yield flows[0], flows[1]
        yield flows[1], flows[0]


POINTWISE: dict[str, Rule] = {
    "aten.where": chosen,
    "aten.masked_fill": filled,
    "aten.glu": gated_halves,
    # Some versions of PyTorch do not mark these.
    **dict.fromkeys(
        (
            "aten.celu",
            "aten.elu",
            "aten.floor_divide",
            "aten.hardsigmoid",
            "aten.hardtanh",
            "aten.leaky_relu",
            "aten.mish",
            "aten.relu6",
            "aten.rrelu",
            "aten.selu",
            "aten.softplus",
            "aten.threshold",
        ),
        pointwise,
    ),
    **dict.fromkeys(
        (
            "aten.hardswish",
            "aten.log_sigmoid",
            "aten.prelu",
            "aten.dropout",
            "aten.feature_dropout",
            "aten.alpha_dropout",
            "aten.contiguous",
            "aten._to_copy",
            "aten.to",
            "aten.detach",
            "aten.alias",
            "aten.lift_fresh_copy",
            "aten.softmax",
            "aten._softmax",
            "aten.log_softmax",
            "aten._log_softmax",
            "aten._safe_softmax",
            "aten.batch_norm",
            "aten.instance_norm",
            "aten.layer_norm",
            "aten.group_norm",
            "aten.rms_norm",
        ),
        passed_on,
    ),
    **dict.fromkeys(
        (
            "aten.native_dropout",
            "aten.native_layer_norm",
            "aten.native_group_norm",
            "aten.native_batch_norm",
            "aten._native_batch_norm_legit_no_training",
            "aten._fused_rms_norm",
        ),
        normalised,
    ),
}
