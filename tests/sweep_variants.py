"""Variants that misbehave, for the tests of sweeps: loaded as a plugin file, by name."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import GAN, register

if marks := os.environ.get("ZOO_TEST_MARKS"):
    with (Path(marks) / "loaded").open("a") as file:
        file.write(f"{__file__}\n")  # a copy's, where this was sent along


@dataclass(frozen=True)
class Common(GAN):
    """What the others are but for their manners."""

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(self.sample(nets, batch.z)))


@register("test-killed")
@dataclass(frozen=True)
class Killed(Common):
    """Its process is killed at its second evaluation, once."""

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        mark = Path(os.environ["ZOO_TEST_MARKS"])
        if z.shape[0] == 2500 and not (mark / "killed").exists():
            if (mark / "evaluated").exists():
                (mark / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            (mark / "evaluated").touch()
        return nets.G(z)


@register("test-broken")
@dataclass(frozen=True)
class Broken(Common):
    """Fails when it is trained."""

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        raise RuntimeError("broken on purpose")
