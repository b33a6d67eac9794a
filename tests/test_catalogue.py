"""docs/catalogue.md is what the classes say, and says all of it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from benchmarks import cost
from zoo import catalogue, variants
from zoo.variant import Opt, options


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
        fences = card.count("```")
        assert fences >= 2, "a formula"
        assert fences % 2 == 0
        assert ":\n\nPlayers (" not in card, "a note that announces a formula has it"
        assert "inf" not in "".join(line for line in card.splitlines() if line.startswith("| `--"))
        for field in options(cls):
            assert f"`--{field.replace('_', '-')}`" in card
        for player in cls().players():
            assert f"**{player.name}** moves" in card


def test_a_docstring_falls_into_its_parts() -> None:
    body = "    a = b\n    c = d\n\nA note, of\ntwo lines:\n\n    e = f\n\nAnother."
    doc = f"An idea.\n\n{body}\n\nKnown to fix: much,\nand more.\nSource: paper,\nequation 2.\n"
    formulas = ["```", "a = b", "c = d", "```", ""], ["```", "e = f", "```", ""]
    notes = ["A note, of", "two lines:", ""], ["Another.", ""]
    lines = [*formulas[0], *notes[0], *formulas[1], *notes[1]]
    assert catalogue.parts(doc) == ("An idea.", lines, "much, and more.", "paper, equation 2.")


@pytest.mark.parametrize(
    ("opt", "told"),
    [
        (Opt("", above=0, at_most=1), "above 0, at most 1"),
        (Opt("", above=0), "above 0"),
        (Opt("", 0, 1), "0 to 1"),
        (Opt("", 2), "2 or more"),
        (Opt("", at_most=3), "at most 3"),
        (Opt(""), "any"),
    ],
)
def test_a_range_is_told_in_words(opt: Opt, told: str) -> None:
    assert catalogue._range(opt) == told


def test_no_formula_is_lost() -> None:
    """Every word of a docstring is in its card."""
    for name in variants.own():
        doc = inspect.cleandoc(variants.load(name).__doc__ or "")
        idea, body, fixes, source = catalogue.parts(doc)
        told = [idea, *(line for line in body if line != "```"), "Known to fix:", fixes, "Source:", source]
        assert sorted(doc.split()) == sorted(" ".join(told).split()), name


def test_check_tells_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "PAGE", tmp_path / "catalogue.md")
    assert catalogue.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert catalogue.main([]) == 0
    assert catalogue.main(["--check"]) == 0


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
