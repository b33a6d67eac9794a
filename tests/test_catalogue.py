"""docs/catalogue.md is what the classes say, and says all of it."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest

from benchmarks import cost
from zoo import catalogue, variants
from zoo.variant import options


def test_the_page_is_up_to_date() -> None:
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(), "run: python -m zoo.catalogue"


def test_every_variant_has_a_card_with_its_options_and_source() -> None:
    cards = {part.split("\n")[0]: part for part in catalogue.page().split("\n## ")[1:]}
    assert sorted(cards) == variants.own()
    for name, card in cards.items():
        cls = variants.load(name)
        assert variants.idea(name) in card
        assert len(card.partition("**Known to fix**: ")[2].split("\n")[0]) > 10
        assert "Source: " in card.split("\n\n")[-1]
        assert card.count("```") == 2, "a formula"
        for field in options(cls):
            assert f"`--{field.replace('_', '-')}`" in card
        for player in cls().players():
            assert f"**{player.name}** moves" in card


def test_a_docstring_falls_into_its_parts() -> None:
    doc = "An idea.\n\n    a = b\n    c = d\n\nA note, of\ntwo lines.\n\nKnown to fix: much,\nand more.\nSource: paper,\nequation 2.\n"
    formula, notes = ["a = b", "c = d"], ["A note, of", "two lines."]
    assert catalogue.parts(doc) == ("An idea.", formula, notes, "much, and more.", "paper, equation 2.")


def test_no_formula_is_lost() -> None:
    """Every word of a docstring is in its card."""
    for name in variants.own():
        doc = inspect.cleandoc(variants.load(name).__doc__ or "")
        idea, formula, notes, fixes, source = catalogue.parts(doc)
        told = [idea, *formula, *notes, "Known to fix:", fixes, "Source:", source]
        assert sorted(doc.split()) == sorted(" ".join(told).split()), name


def test_check_tells_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr(catalogue, "PAGE", tmp_path / "catalogue.md")
    monkeypatch.setattr(sys, "argv", ["catalogue", "--check"])
    assert catalogue.main() == 1
    assert "out of date" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(sys, "argv", ["catalogue"])
    assert catalogue.main() == 0
    monkeypatch.setattr(sys, "argv", ["catalogue", "--check"])
    assert catalogue.main() == 0


def test_every_variant_s_cost_is_recorded() -> None:
    rows = json.loads(cost.FILE.read_text(encoding="utf-8"))["variants"]
    assert sorted(rows) == variants.own(), "run: python -m benchmarks.cost NAME"
    assert rows["ns"]["factor"] == 1
    assert all(row["low"] <= row["factor"] <= row["high"] for row in rows.values())


def test_costs_are_ratios_in_the_same_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slows down for everybody changes no factor."""
    load = iter([1.0] * 2 + [1.0] * 2 + [5.0] * 2 + [2.0] * 2)
    monkeypatch.setattr(cost, "round_of", lambda name: lambda: None)
    takes = {"ns": 1.0, "slow": 3.0}
    order = iter(["ns", "slow"] * 4)
    monkeypatch.setattr(cost, "cpu", lambda call, calls: takes[next(order)] * next(load))
    found = cost.measure(["slow"], turns=3, seconds=0.1)
    assert (found["slow"]["low"], found["slow"]["factor"], found["slow"]["high"]) == (3, 3, 3)
