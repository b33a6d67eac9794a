"""Groups that take turns: order, and who waits for whom, on turns that take no time and on one that takes long."""

from __future__ import annotations

import threading

import pytest
import torch

from zoo.threads import take_turns


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_group_is_played_to_its_end_and_by_one_worker_at_a_time(workers: int) -> None:
    reached, ends, playing = [3, 0, 1, 0], [7, 7, 5, 7], [threading.Lock() for _ in range(4)]

    def turn(i: int) -> int | None:
        assert playing[i].acquire(blocking=False)
        reached[i] += 1
        playing[i].release()
        return reached[i] if reached[i] < ends[i] else None

    take_turns(list(reached), turn, workers)
    assert reached == ends


def test_the_group_that_is_furthest_behind_plays_next() -> None:
    reached, order = [2, 0, 1], list[int]()

    def turn(i: int) -> int | None:
        order.append(i)
        reached[i] += 1
        return reached[i] if reached[i] < 4 else None

    take_turns(list(reached), turn, 1)
    assert order == [1, 1, 2, 0, 1, 2, 0, 1, 2]


def test_nobody_waits_for_a_group_whose_turn_takes_long() -> None:
    """One worker holds the first group until all others are done: they take turns meanwhile, and it comes up alone."""
    reached, order, others_done = [0, 0, 0], list[int](), threading.Event()

    def turn(i: int) -> int | None:
        if i == 0 and not reached[0]:
            assert others_done.wait(60)
        order.append(i)
        reached[i] += 1
        if reached[1:] == [3, 3]:
            others_done.set()
        return reached[i] if reached[i] < 3 else None

    take_turns(list(reached), turn, 2)
    assert order == [1, 2, 1, 2, 1, 2, 0, 0, 0]


def test_what_goes_wrong_in_a_turn_reaches_the_caller() -> None:
    def turn(i: int) -> int | None:
        raise torch.OutOfMemoryError(f"group {i}")

    with pytest.raises(torch.OutOfMemoryError, match="group 0"):
        take_turns([0], turn, 1)
