"""The judge: our own small classifier, which says what a generated image shows. Trained once per data set, then cached.

A convolutional net of about 220,000 parameters on one image ``[c, h, w]`` in [-1, 1]: three 3x3 convolutions (16, 32, 64
channels, batch norm, ReLU; max pooling after the first two), 64 ReLU features (the penultimate layer, used for FID and
KID), K logits. Adam with a one-cycle learning rate (Smith & Topin 2017, arXiv:1708.07120), images shifted by up to two
pixels. Stacks are judged channel by channel with the classifier of their single images.

A cached judge is found by a hash of its training images, this file and the seed, in ``$ZOO_CACHE/judges`` (default:
``~/.cache/mode-collapse-zoo``). Training runs on one thread of the CPU, so that a seed gives the same weights every time.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toy_data import Data, Images
from zoo import files
from zoo.errors import ZooError

FEATURES = 64
_BATCH, _PASS, _SHIFT = 128, 1024, 2
Progress = Callable[[float], None]
"""Called with the share of training that is done, 0 to 1."""


class Halved(nn.MaxPool2d):
    """Maxima of 2 x 2: without a gradient from the four corners at once, the same bits in a tenth of PyTorch's time."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():  # whose ties PyTorch settles in its own way
            pooled: Tensor = super().forward(x)
            return pooled
        h, w = (2 * (size // 2) for size in x.shape[-2:])
        upper, lower = x[..., :h:2, :w], x[..., 1:h:2, :w]
        rows = torch.maximum(upper, lower)
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


class Classifier(nn.Module):
    """Images ``[B, c, h, w]`` -> features ``[B, 64]``, logits ``[B, K]``."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.channels, h, w = shape

        def block(inside: int, outside: int) -> list[nn.Module]:
            return [nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]

        pool = Halved(2)
        self.trunk = nn.Sequential(
            *block(self.channels, 16), pool, *block(16, 32), pool, *block(32, 64), nn.Flatten(),
            nn.Dropout(0.3), nn.Linear(64 * (h // 4) * (w // 4), FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return features, self.head(features)


@dataclass(frozen=True)
class Predictions:
    """What the judge says of ``[S, N]`` images: their mode, the classes' probabilities, and features.

    ``modes [S, N]`` int64 (of a stack: the number that its digits spell), ``probabilities [S, N, g, K]``,
    ``features [S, N, g * 64]``, g the images that it is a stack of, else 1.
    """

    modes: Tensor
    probabilities: Tensor
    features: Tensor


@dataclass(frozen=True)
class Judge:
    """A trained classifier, and how well it does on the data's own held-out images."""

    net: Classifier
    classes: int
    accuracy: float
    """On all held-out single images."""
    tested_on: int

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Predictions:
        """Judge ``images [S, N, c, h, w]``; images with NaN get mode -1 and NaN probabilities and features."""
        s, n, c, h, w = images.shape
        stacked = c // self.net.channels
        flat = images.reshape(-1, self.net.channels, h, w)
        found = [(*self.net(x.float()), x.flatten(1).isfinite().all(-1)) for x in flat.split(_PASS)]
        features, logits, finite = (torch.cat(parts) for parts in zip(*found, strict=True))
        place = self.classes ** torch.arange(stacked - 1, -1, -1, device=images.device)
        modes = (logits.argmax(-1).view(s, n, stacked) * place).sum(-1)
        bad = ~finite.view(s, n, stacked).all(-1)
        probabilities = logits.softmax(-1).view(s, n, stacked, -1)
        probabilities = torch.where(bad[..., None, None], torch.nan, probabilities)
        features = torch.where(bad[..., None], torch.nan, features.view(s, n, -1))
        return Predictions(torch.where(bad, -1, modes), probabilities, features)


def cache_root() -> Path:
    """Where trained judges are kept."""
    return files.cache_root() / "judges"


def judge(data: Data, seed: int = 0, progress: Progress | None = None, *, train: bool = False) -> Judge:
    """The judge of ``data``: from the cache, else trained now and kept (``train``: trained anew even so).

    ``ZooError`` for data without images and labels.
    """
    if not isinstance(data, Images):
        raise ZooError(f"A judge needs labelled images, which '{data.name}' does not have.")
    where = cache_root() / f"{_key(data, seed)}.safetensors"
    device = data.train.images.device
    found = None if train else _read(where, data)
    if found is None:
        found = fit(data, seed, progress)
        _write(where, found, seed)
    found.net.to(device).eval()
    return found


def cached(data: Images, seed: int = 0) -> Judge | None:
    """The judge of ``data`` where it is trained already, without training one."""
    found = _read(cache_root() / f"{_key(data, seed)}.safetensors", data)
    if found is not None:
        found.net.to(data.train.images.device).eval()
    return found


def _key(data: Images, seed: int) -> str:
    h = hashlib.sha256(Path(__file__).read_bytes())
    for tensor in (data.train.images, data.train.labels, data.test.images, data.test.labels):
        h.update(str(tuple(tensor.shape)).encode())
        h.update(tensor.cpu().contiguous().numpy().data)
    h.update(f"{seed}".encode())
    return h.hexdigest()[:20]


def _classes(data: Images) -> int:
    return int(data.train.labels.max()) + 1


def _read(where: Path, data: Images) -> Judge | None:
    """The judge kept in a file; None where there is none, or a damaged one."""
    from safetensors import SafetensorError, safe_open

    if not where.exists():
        return None
    try:
        with safe_open(where, "pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        net = Classifier(data.train.shape, _classes(data))
        net.load_state_dict(weights)
        return Judge(net, about["classes"], about["accuracy"], about["tested_on"])
    except (SafetensorError, KeyError, ValueError, RuntimeError):
        return None


def _write(where: Path, trained: Judge, seed: int) -> None:
    from safetensors.torch import save_file

    about = {
        "classes": trained.classes,
        "accuracy": trained.accuracy,
        "tested_on": trained.tested_on,
        "seed": seed,
        "torch": torch.__version__,
    }
    where.parent.mkdir(parents=True, exist_ok=True)
    beside = where.with_name(f"{where.name}.{os.getpid()}")
    save_file(trained.net.state_dict(), beside, {"about": json.dumps(about)})
    os.replace(beside, where)


def fit(data: Images, seed: int = 0, progress: Progress | None = None, epochs: int | None = None) -> Judge:
    """Train a judge on the single images of ``data.train`` and test it on those of ``data.test``. On one CPU thread.

    ``epochs``: by default 8 for MNIST's 60,000 images, more for smaller sets (as many as see 480,000 images), at most 60.
    """
    train, test = data.train.to("cpu"), data.test.to("cpu")
    classes, n = _classes(data), len(train)
    epochs = min(60, max(8, 480_000 // n)) if epochs is None else epochs
    rounds = epochs * math.ceil(n / _BATCH)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = Classifier(train.shape, classes).to(memory_format=torch.channels_last)
            adam = torch.optim.Adam(net.parameters(), weight_decay=1e-5)
            cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 6e-3, total_steps=rounds)
            done = 0
            for _ in range(epochs):
                for rows in torch.randperm(n).split(_BATCH):
                    x = _shifted(train.single(rows))
                    loss = F.cross_entropy(net(x)[1], train.labels[rows])
                    adam.zero_grad()
                    loss.backward()
                    adam.step()
                    cycle.step()
                    done += 1
                    if progress is not None and (done % 20 == 0 or done == rounds):
                        progress(done / rounds)
        net = net.eval().to(memory_format=torch.contiguous_format)
        with torch.no_grad():
            right = sum(
                int((net(test.single(rows))[1].argmax(-1) == test.labels[rows]).sum())
                for rows in torch.arange(len(test)).split(_PASS)
            )
    finally:
        torch.set_num_threads(threads)
    return Judge(net, classes, right / max(1, len(test)), len(test))


def _shifted(x: Tensor) -> Tensor:
    """Images ``[B, c, h, w]``, each moved by up to two pixels (one of images below 16) either way; what comes in is black."""
    b, _, h, w = x.shape
    most = _SHIFT if min(h, w) >= 16 else 1
    padded = F.pad(x, (most,) * 4, value=-1.0)
    dy, dx = torch.randint(2 * most + 1, (2, b, 1, 1))
    rows, columns = dy + torch.arange(h)[:, None], dx + torch.arange(w)
    return padded[torch.arange(b)[:, None, None], :, rows, columns].movedim(-1, 1)  # channels last in memory
