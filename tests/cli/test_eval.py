"""`zoo eval`: what it says of samples from elsewhere and of a run's, and by which protocol."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

from tests.cli.test_app import SMALL


def test_eval_of_samples_from_elsewhere(zoo, tmp_path: Path) -> None:
    import numpy as np

    import toy_data

    np.save(tmp_path / "x.npy", toy_data.load("ring").sample(600).numpy())
    code, out, err = zoo("eval", "x.npy", "--data", "ring", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["metrics"]["modes"] == 8
    assert 0.96 < found["metrics"]["high_quality"] <= 1
    assert found["reference"]["collapsed"]["modes"] == 1
    assert "modes" in zoo("eval", "x.npy", "--data", "ring", "--metrics", "modes,high_quality,")[1]
    assert "name the data set with --data" in zoo("eval", "x.npy")[2]
    assert found["verdict"] == ["The samples cover all 8 modes."]
    assert "1 seed of 600 samples, protocol pacgan" in zoo("eval", "x.npy", "--data", "ring", "--metrics", "modes")[1]
    np.save(tmp_path / "y.npy", 1.02 * np.load(tmp_path / "x.npy"))
    out = zoo("eval", "y.npy", "--data", "ring", "--metrics", "modes,high_quality")[1]
    assert "The data's share is of 100,000 samples in these sentences, in the table of 600." in out
    assert not re.search(r" 0\.00 +│", out)  # seconds


def test_eval_ends_with_the_verdict_and_each_reason_once(zoo, tmp_path: Path) -> None:
    import numpy as np

    import toy_data

    points, mode = toy_data.load("grid").sample_labelled(9000)
    np.save(tmp_path / "x.npy", points[mode < 3].numpy())
    lines = zoo("eval", "x.npy", "--data", "grid")[1].splitlines()
    assert lines[-1].startswith("The samples miss 22 of 25 modes (all but 0, 1, 2)")
    (told,) = [line for line in lines if line.startswith("Not measured")]
    assert told.count("'grid' has no judge") == 1
    assert "first_full_coverage, modes_lost (It needs a run's evaluations" in told
    assert not json.loads(zoo("eval", "x.npy", "--data", "grid", "--metrics", "mmd", "--json")[1])["verdict"]


def test_a_judge_that_errs_is_told_with_what_that_means(zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of labels by chance nothing can be learnt: real data cover few of the modes, as the samples do."""
    import numpy as np

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    rng = np.random.default_rng(0)
    images, labels = rng.integers(256, size=(200, 4, 4), dtype=np.uint8), rng.integers(5, size=200)
    for name, kinds, warned in (("chance", labels, True), ("told", labels % 2, False)):
        shown = images if warned else images // 2 + np.uint8(127) * kinds[:, None, None].astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", samples=shown, labels=kinds)
        np.save(tmp_path / "x.npy", shown / 127.5 - 1)
        for words in (("judge",), ("eval", "x.npy", "--metrics", "modes")):
            code, told, _ = zoo(*words, "--data", f"{name}.npz")
            assert code == 0
            assert ("it takes many for another class, so its modes and FID say little" in told) == warned


def test_eval_tells_that_it_trains_a_judge_but_in_json(zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    import toy_data
    from zoo.evaluation import judge

    monkeypatch.setattr(judge, "fit", partial(judge.fit, epochs=3))  # it is heard twice
    monkeypatch.setattr("zoo.progress.terminal.WORTH_TELLING", 0.0)
    np.save(tmp_path / "x.npy", toy_data.load("digits").sample(50).numpy())
    for place, said in (("first", True), ("second", False)):
        monkeypatch.setenv("ZOO_CACHE", str(tmp_path / place))
        code, told, _ = zoo("eval", "x.npy", "--data", "digits", "--metrics", "modes", *([] if said else ["--json"]))
        assert code == 0
        assert ("training the judge: 100 %" in told) == said
        if said:
            line = next(line for line in told.splitlines() if line.startswith("Of 50 real images, held out, it says"))
            assert re.search(r": modes \d+, reverse kl 0?\.?\d[\d.e-]{0,9}, inception score \d\.\d+, fid \d", line), (
                line
            )
            assert not re.search(r"\d\.\d{7}", line)
    json.loads(told)


def test_eval_counts_by_the_protocol_that_is_named(zoo, tmp_path: Path) -> None:
    import numpy as np

    import toy_data

    np.save(tmp_path / "x.npy", toy_data.load("ring").sample(600).numpy())
    for name, share in (("pacgan", 0.98), ("dyngan", 0.4)):
        found = json.loads(zoo("eval", "x.npy", "--data", "ring", "--protocol", name, "--json")[1])
        assert found["protocol"]["name"] == name
        assert found["metrics"]["high_quality"] == pytest.approx(share, abs=0.08)
    assert found["verdict"] == ["The samples cover all 8 modes."]  # by that protocol the data are no better
    assert "did you mean 'pacgan'" in zoo("eval", "x.npy", "--data", "ring", "--protocol", "pacgn")[2]
    assert zoo("run", "ns", *SMALL, "--out", "r")[0] == 0
    found = json.loads(zoo("eval", "r", "--metrics", "modes,first_full_coverage", "--protocol", "veegan", "--json")[1])
    assert found["protocol"]["name"] == "veegan"


def test_eval_of_a_run_ends_with_the_run_s_own_verdict(zoo, tmp_path: Path) -> None:
    assert zoo("run", "ns", *SMALL, "--out", "r")[0] == 0
    found = json.loads(zoo("eval", "r", "--metrics", "modes", "--json")[1])
    assert found["verdict"] == json.loads((tmp_path / "r" / "summary.json").read_text())["verdict"] != []


def test_references_of_ones_choice_stand_beside(zoo, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(500, 2)))
    code, out, _ = zoo(
        "eval", "x.npy", "--data", "ring", "--metrics", "modes", "--references", "half, memoriser", "--json"
    )
    assert code == 0
    assert {k: v["modes"] for k, v in json.loads(out)["reference"].items()} == {"half": 4, "memoriser": 8}


def test_a_reference_that_there_is_not_is_refused_before_anything_is_measured(
    zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    np.save(tmp_path / "x.npy", np.zeros((500, 2)))
    monkeypatch.setattr("zoo.evaluation.evaluate.measure", lambda *given: pytest.fail("it was measured"))
    code, _, err = zoo("eval", "x.npy", "--data", "ring", "--references", "hlaf")
    assert code == 2
    assert "There is no reference sampler 'hlaf'; did you mean 'half'?" in err
