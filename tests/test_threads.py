"""Groups that take turns: order, and who waits for whom, on turns that take no time and on one that takes long."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

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


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Also where these tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_raised_when_nobody_plays_any_more_however_often_it_is_pressed(ctrl_c_is_heard: None) -> None:
    inside, may_end, main = [0, 0], threading.Event(), threading.main_thread().ident

    def turn(i: int) -> int | None:
        inside[i] = 1
        assert may_end.wait(60)
        inside[i] = 0
        return 1

    def press() -> None:
        while inside != [1, 1]:
            time.sleep(0.01)
        for _ in range(3):
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.2)
        may_end.set()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        take_turns([0, 0], turn, 2)
    assert inside == [0, 0]
    thread.join()
