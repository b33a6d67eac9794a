"""The declarations: complete, cheap to read, and the page made from them up to date."""

import subprocess
import sys

import pytest

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
    assert "python -m zoo.metrics.docs" in capsys.readouterr().out
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    docs.PAGE.write_text(docs.PAGE.read_text().replace("| lower |", "| higher |", 1))
    assert docs.main(["--check"]) == 1
