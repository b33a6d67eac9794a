"""Streams: what a seed draws depends on that seed alone, and can be drawn again from anywhere."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from zoo.randomness import Ahead, Drawing, Stream


class Line:
    shape = (3,)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(n, 3, generator=generator)


def stream(seeds: list[int]) -> Stream:
    return Stream(Line(), seeds, batch=5, latent=2, uniforms=4)


def test_a_seed_draws_the_same_alone_and_among_others() -> None:
    alone, among = stream([7]), stream([3, 7, 11])
    for t in (0, 1, alone.per_block - 1, alone.per_block, 3 * alone.per_block + 2):
        for a, b in zip(alone[t], among[t], strict=True):
            assert torch.equal(a[0], b[1])
    assert torch.equal(alone.latents(9, "evaluation")[0], among.latents(9, "evaluation")[1])


def test_a_batch_is_the_same_whenever_it_is_asked_for() -> None:
    forward, back = stream([1]), stream([1])
    late = [forward[t] for t in range(3 * forward.per_block)]
    for t in reversed(range(len(late))):
        assert torch.equal(back[t].z, late[t].z)


def test_batches_seeds_and_purposes_differ() -> None:
    s = stream([1, 2])
    assert not torch.equal(s[0].x, s[1].x)
    assert not torch.equal(s[0].z[0], s[0].z[1])
    assert not torch.equal(s.latents(5, "evaluation"), s.latents(5, "film"))


def test_shapes_and_ranges() -> None:
    b = stream([1, 2])[0]
    assert b.x.shape == (2, 5, 3)
    assert b.z.shape == (2, 5, 2)
    assert b.u.shape == (2, 5, 4)
    assert 0 <= b.u.min() <= b.u.max() < 1
    uniform = Stream(Line(), [0], 500, 2, uniform_latent=True)[0].z
    assert uniform.abs().max() <= 1
    assert abs(float(uniform.square().mean()) - 1 / 3) < 0.03


class Queue:
    """A stand-in for a GPU's stream, which tells whom it waits for."""

    told: list[str]

    def __init__(self, name: str = "side") -> None:
        self.name = name

    def wait_stream(self, other: "Queue") -> None:
        self.told.append(f"{self.name} waits for {other.name}")


def test_on_a_gpu_the_next_block_is_drawn_seed_by_seed_beside_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Queue, "told", told, raising=False)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Queue())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Queue("main"))
    monkeypatch.setattr(torch.cuda, "stream", lambda queue: nullcontext())
    ahead, alone = stream([7, 9, 11]), stream([7, 9, 11])
    ahead.per_block = alone.per_block = 2
    drawing = ahead._drawing

    def noted(number: int) -> Drawing:
        kept = drawing(number)
        for i in range(3):
            next(kept)
            told.append(f"{number}, seed {i}")
            yield
        return (yield from kept)

    ahead._ahead = Ahead(noted, 3, torch.device("cpu"))
    for t in (0, 1, 2, 3, 9, 4):
        told.append(f"batch {t}")
        for a, b in zip(ahead[t], alone[t], strict=True):
            assert torch.equal(a, b)
    text = "; ".join(told)
    turn = "batch 1; side waits for main; 1, seed 2; batch 2; side waits for main; main waits for side; "
    assert turn + "side waits for main; 2, seed 0; 2, seed 1; batch 3" in text
    # out of turn: what is being drawn beside may take the block's memory
    assert "batch 9; side waits for main; " in text
    assert "batch 4; side waits for main" in text
