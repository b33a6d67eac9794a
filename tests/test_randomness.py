"""Streams: what a seed draws depends on that seed alone, and can be drawn again from anywhere."""

import torch
from torch import Tensor

from zoo.randomness import Stream


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
