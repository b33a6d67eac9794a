"""What is told where there is no terminal: plain lines, which a log keeps."""

from __future__ import annotations

import pytest

from zoo.progress import terminal


def test_a_log_hears_of_the_judge_by_tenths_and_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    with terminal.judge_bar() as heard:
        for done in range(1, 401):
            heard(done / 400)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training the judge: about 7 min"
    assert lines[1] == "training the judge: 10 %, 39 s"
    assert lines[-1] == "training the judge: 100 %, 399 s"
    assert len(lines) == 11


def test_a_judge_that_is_there_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.judge_bar():
        pass
    assert capsys.readouterr().out == ""
