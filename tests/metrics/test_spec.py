"""The declarations: complete, cheap to read, and the page made from them up to date."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from zoo.errors import ZooError
from zoo.metrics import docs, spec


def test_every_name_that_the_command_promises_is_declared():
    promised = (
        "modes high_quality reverse_kl forward_kl js chi_square mmd wasserstein1 wasserstein2 one_nn one_nn_real one_nn_fake "
        "frechet precision recall density coverage vendi ndb birthday inception_score mode_score fid kid kde ais"
    )
    assert set(promised.split()) <= set(spec.BY_NAME)
    assert len(spec.BY_NAME) == len(spec.METRICS)


@pytest.mark.parametrize("metric", spec.METRICS, ids=lambda m: m.name)
def test_every_declaration_is_whole(metric):
    for field in ("about", "unit", "range", "paper", "equation", "perfect", "collapsed", "cost"):
        assert getattr(metric, field).strip(), field
    assert metric.family in docs.FAMILIES
    assert metric.group in ("coverage", "dist", "quality")


def test_reading_the_declarations_imports_nothing_slow():
    code = "import sys, zoo.metrics.spec; assert not {'torch', 'numpy', 'scipy', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_get_a_hint():
    with pytest.raises(ZooError, match="did you mean 'recall'"):
        spec.get("recal")


def test_the_page_is_what_the_declarations_say():
    assert docs.main(["--check"]) == 0


def test_a_stale_page_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(docs, "PAGE", tmp_path / "docs" / "metrics.md")
    assert docs.main(["--check"]) == 1
    assert "python -m zoo.metrics.docs" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    docs.PAGE.write_text(docs.PAGE.read_text().replace("| lower |", "| higher |", 1))
    assert docs.main(["--check"]) == 1


@pytest.mark.parametrize(
    ("name", "best_first"),
    [("modes", [8.0, 3.0, 1.0]), ("reverse_kl", [0.0, 0.5, 2.0]), ("one_nn", [0.5, 0.4, 0.9])],
)
def test_goodness_is_more_where_a_metric_is_better(name: str, best_first: list[float]) -> None:
    better = spec.get(name).goodness
    assert sorted(best_first, key=better, reverse=True) == best_first
    assert (np.diff(better(np.array(best_first))) < 0).all()
    assert (better(torch.tensor(best_first)).diff() < 0).all()


def test_goodness_knows_every_declared_direction() -> None:
    assert all(np.isfinite(m.goodness(1.0)) for m in spec.METRICS)
