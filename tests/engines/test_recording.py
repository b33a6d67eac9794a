"""A recorded function is the function, on any inputs of the same shapes."""

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from zoo.engines.recording import record

ONE, THREE = torch.tensor(1.0), torch.tensor([1.0, 2.0, 3.0])


def parts(x: Tensor) -> Tensor:
    """Tuples, constants of the module and of the function, in-place writing, views."""
    first, second = x.split(2)
    values, places = x.sort()
    y = values.clone()
    y[1:] += torch.arange(3.0)
    return (first * second).sum() + (y.detach() * x).sum() * torch.tensor(2.0) + THREE.sum() * places.sum() + x.sum()


def test_a_recorded_function_does_the_same_on_other_inputs() -> None:
    def every(ts: list[Tensor]) -> list[Tensor]:
        return [vmap(parts)(*ts), vmap(grad(parts))(*ts)]

    line = record(every, [torch.randn(5, 4)])
    other = [torch.randn(5, 4)]
    for got, expected in zip(line(other), every(other), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("ask", [Tensor.item, bool, float, int], ids=lambda f: f.__name__)
def test_asking_a_tensor_of_the_round_for_its_value_is_an_error(ask) -> None:
    with pytest.raises(RuntimeError, match="data-dependent control flow"):
        record(lambda ts: [ts[0] * ask(ts[0].sum())], [torch.ones(3)])
    record(lambda ts: [ts[0] * ask(ONE)], [torch.ones(3)])  # of a constant it is none


@pytest.mark.parametrize(
    "draw", [torch.rand_like, torch.randn_like, torch.nn.functional.dropout], ids=lambda f: f.__name__
)
def test_drawing_in_a_round_is_an_error(draw) -> None:
    """A line would draw other numbers than the seed's stream holds; of several seeds the map says so itself."""
    with pytest.raises(RuntimeError, match="called random operation"):
        record(lambda ts: [ts[0] * draw(ts[0])], [torch.ones(3)])
