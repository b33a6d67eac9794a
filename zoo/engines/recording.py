"""A function of tensors written down as it runs, below autograd and below the seed map: one flat list of tensor operations.

``torch.fx.experimental.make_fx`` does the same and much more (symbolic shapes, subclasses of tensors), in two to four times the time:
a round of ``unrolled --k 10`` took 10.6 s to trace, and takes 3.2.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

from zoo.engines.interpreter import interpreted

aten = torch.ops.aten

Function: TypeAlias = Callable[[list[Tensor]], list[Tensor]]
SAME = {aten.detach.default, aten.alias.default, aten.lift_fresh.default}
"""What hands on the tensor that it was given."""


class Line:
    """A straight line of operations: called like the function it was recorded from; ``graph`` may be rewritten, then ``compile()``."""

    def __init__(self, graph: fx.Graph, constants: dict[str, Tensor]) -> None:
        self.graph, self.constants = graph, constants
        self._play: Callable[..., Any] | None = None

    def compile(self) -> fx.GraphModule:
        """Take over what was changed in the graph."""
        self.graph.lint()
        module = fx.GraphModule(self.constants, self.graph)
        self._play = module
        return module

    def interpret(self, example: list[Tensor]) -> None:
        """Take over what was changed, to be played without Python between operations where that can be had (``zoo.engines.interpreter``)."""
        self.graph.lint()
        self._play = interpreted(self.graph, self.constants, example) or self.compile()

    def copy(self) -> Line:
        """The same line, to be rewritten by itself."""
        graph = fx.Graph()
        graph.output(graph.graph_copy(self.graph, {}))
        return Line(graph, self.constants)

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        return list((self._play or self.compile())(*inputs))


def record(function: Function, example: list[Tensor]) -> Line:
    """``function`` as a line, for inputs of the shapes of ``example``; it must be pure and free of data-dependent control flow.

    ``RuntimeError`` where a value is asked of a tensor that depends on the inputs, and where random numbers are drawn.
    """
    from torch.func import functionalize

    # copies: a tensor is known by identity, so two inputs that are one tensor now would be taken for one for ever
    inputs = [t.clone() for t in example]
    recorder = _Recorder(inputs)
    with recorder:  # without in-place operations (second derivatives of convolutions have some): merging two equal ones would lose one
        results = functionalize(function)(inputs)
    recorder.graph.output([recorder.node(t) for t in results])
    return Line(recorder.graph, recorder.constants)


class _Recorder(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports the compiler, to tell it to keep out

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.constants: dict[str, Tensor] = {}
        self._nodes = WeakTensorKeyDictionary()
        for i, tensor in enumerate(inputs):
            self._hold(tensor, self.graph.placeholder(f"input_{i}"))

    def node(self, tensor: Tensor) -> fx.Node:
        """What made this tensor; one that nothing here made is a constant."""
        if tensor not in self._nodes:
            name = f"constant_{len(self.constants)}"
            self.constants[name] = tensor
            self._hold(tensor, self.graph.get_attr(name))
        found: fx.Node = self._nodes[tensor]
        return found

    def _hold(self, tensor: Tensor, node: fx.Node) -> None:
        self._nodes[tensor] = node
        node.meta["val"] = _stand_in(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        with self:
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(f"called random operation {func} while the round is traced")
        if func is aten._local_scalar_dense.default and args[0] in self._nodes:
            raise RuntimeError(
                "data-dependent control flow: a tensor of the round is asked for its value while the round is traced"
            )
        made = func(*args, **kwargs)
        if func is aten._local_scalar_dense.default:
            return made
        if func in SAME:
            self._nodes[made] = self.node(args[0])
            return made
        given = fx.node.map_aggregate((args, kwargs), lambda a: self.node(a) if isinstance(a, Tensor) else a)
        node = self.graph.call_function(func, *given)
        if isinstance(made, Tensor):
            self._hold(made, node)
        else:
            node.meta["val"] = tree_map_only(Tensor, _stand_in, made)
            for i, part in enumerate(made):
                if isinstance(part, Tensor):
                    self._hold(part, self.graph.call_function(operator.getitem, (node, i)))
        return made


def _stand_in(tensor: Tensor) -> Tensor:
    """Shape, strides and type without memory."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
