"""Adam's step of a large net in a traced round as one kernel, in place (CPU): nine passes through memory become one.

``optim.Adam.step`` is a formula, which a look-ahead differentiates. Where nobody differentiates it, its nodes stand in the line as they
were written, and nothing but the step reads what lies between them: there PyTorch's fused kernel does the same arithmetic.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from zoo.engines import reuse
from zoo.engines.interpreter import LIBRARY
from zoo.engines.nodes import call, value

aten = torch.ops.aten

NEVER = torch.tensor(torch.inf)
"""A step count at which the kernel's own bias corrections are 1: they stand in the rates already."""


LONG = 2**16
"""Parameters of a lane from which one kernel is faster: its call takes 25 us a lane, and fewer parameters do not leave the cache between passes."""


LIBRARY.define(  # an operation of PyTorch's own kind, which TorchScript can call
    "adam_(Tensor(a!) theta, Tensor(b!) m, Tensor(c!) v, Tensor[] grads, Tensor added, Tensor factor, float b1, float b2)"
    " -> (Tensor(a!), Tensor(b!), Tensor(c!))"
)


def _adam_(
    theta: Tensor, m: Tensor, v: Tensor, grads: list[Tensor], added: Tensor, factor: Tensor, b1: float, b2: float
) -> tuple[Tensor, Tensor, Tensor]:
    """m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  theta = theta - m / (added + factor sqrt(v)), over its first three arguments.

    ``theta [S, P]`` with ``added, factor [S, 1]``, or ``[P]`` with ``[1]``; ``grads`` are the gradient's parts, in order. A call of the
    kernel for each lane, whatever their number.
    """
    sizes = [g.shape[-1] for g in grads]
    whole = [t.reshape(-1, t.shape[-1]).unbind() for t in (theta, m, v)]
    lanes = [g.reshape(-1, g.shape[-1]).unbind() for g in grads]
    for *flat, part, a, f in zip(
        *whole, zip(*lanes, strict=True), *(t.flatten().tolist() for t in (added, factor)), strict=True
    ):
        params, first, second = (t.split(sizes) for t in flat)
        rates = {"lr": 1 / f, "beta1": b1, "beta2": b2, "weight_decay": 0.0, "eps": a / f}
        steps = [NEVER] * len(sizes)
        torch._fused_adam_(params, part, first, second, [], steps, **rates, amsgrad=False, maximize=False)
    return theta, m, v


LIBRARY.impl("adam_", _adam_, "CPU")


class Step(NamedTuple):
    """The nodes of one step, and what they read."""

    theta: fx.Node
    m: fx.Node
    v: fx.Node
    between: list[fx.Node]
    arguments: list[fx.Node]
    """Old theta, m and v, the gradient, what is added, the factor."""
    betas: tuple[float, float]


def fuse(graph: fx.Graph, donated: set[fx.Node]) -> None:
    """Every long step of Adam's that stands whole in the graph, in place."""
    for node in list(graph.nodes):
        step, held = _step(node), value(node)
        if step is not None and held is not None and held.shape[-1] >= LONG:
            _replace(graph, step, donated)


def _alone(node: Any, target: Any) -> fx.Node | None:
    """This node, if it is a call of ``target`` that one other alone reads."""
    found = isinstance(node, fx.Node) and node.target is target and len(node.users) == 1
    return node if found else None


def _step(theta: fx.Node) -> Step | None:
    """The step that ends in this node: theta - m / (added + factor sqrt(v + eps_root))."""
    if theta.target is not aten.addcdiv.default or theta.kwargs != {"value": -1}:
        return None
    old, m, root = theta.args
    root = _alone(root, aten.addcmul.default)
    if root is None or not isinstance(m, fx.Node) or m.target is not aten.lerp.Scalar:
        return None
    added, sqrt, factor = root.args
    sqrt = _alone(sqrt, aten.sqrt.default)
    kept = _alone(sqrt.args[0], aten.add.Tensor) if sqrt else None
    v = kept.args[0] if kept else None
    if sqrt is None or kept is None or not isinstance(v, fx.Node) or v.target is not aten.addcmul.default:
        return None
    decayed, grad, again = v.args
    decayed, share = _alone(decayed, aten.mul.Tensor), v.kwargs.get("value")
    if decayed is None or grad is not again or m.args[1] is not grad or not isinstance(share, float):
        return None
    given = [old, m.args[0], decayed.args[0], grad, added, factor]
    arguments = [a for a in given if isinstance(a, fx.Node)]
    weight, b2 = m.args[2], decayed.args[1]
    if len(arguments) < len(given) or not isinstance(weight, float) or not isinstance(b2, float):
        return None
    between = [root, sqrt, kept, decayed]
    others = [user for n in (m, v) for user in n.users if user not in (theta, v, *between)]
    if any(user < theta for user in others):
        return None
    return Step(theta, m, v, between, arguments, (1 - weight, b2))


def _replace(graph: fx.Graph, step: Step, donated: set[fx.Node]) -> None:
    made = reuse.owners(graph)
    ends = reuse.last_reads(graph, made)
    nodes = {step.theta, step.m, step.v, *step.between}
    order = {node: i for i, node in enumerate(graph.nodes)}
    grad, *rates = step.arguments[3:]
    parts = _parts(grad, nodes)
    read = [made[a] for a in (*step.arguments, *parts) if a is not grad]
    with graph.inserting_before(step.theta):
        written = []
        for old in step.arguments[:3]:
            owner = made[old]
            free = owner.op == "call_function" or owner in donated
            dead = free and (ends[owner] in nodes or order[ends[owner]] < order[step.theta])
            sole = read.count(owner) == 1
            written.append(old if dead and sole else call(graph, aten.clone.default, old))
        new = graph.call_function(torch.ops.zoo.adam_.default, (*written, parts, *rates, *step.betas))
        for i, was in enumerate((step.theta, step.m, step.v)):
            part = graph.call_function(operator.getitem, (new, i))
            part.meta["val"] = value(was)
            was.replace_all_uses_with(part, delete_user_cb=lambda user: user not in nodes)
    for node in (
        step.theta,
        *step.between[:3],
        step.m,
        step.v,
        step.between[3],
        *([grad] if grad not in parts else []),
    ):
        graph.erase_node(node)


def _parts(grad: fx.Node, readers: set[fx.Node]) -> list[fx.Node]:
    """The gradient in parts, if only the step reads it."""
    held = value(grad)
    if grad.target is not aten.cat.default or held is None or not set(grad.users) <= readers:
        return [grad]
    parts, *dim = grad.args
    last = (dim or [0]) in ([-1], [held.ndim - 1])
    return list(parts) if last else [grad]  # type: ignore[arg-type]
