"""What every registered variant must hold to: the public contract (`zoo check`), and what we ask of our own besides."""

import inspect

import pytest

from zoo import variants
from zoo.extending import contract

every = pytest.mark.parametrize("name", variants.own())


@every
def test_holds_to_the_contract(name: str) -> None:
    findings = contract.check(name)
    assert not findings, "\n".join(map(str, findings))


@every
def test_names_a_paper_and_is_listed_by_its_docstring(name: str) -> None:
    doc = inspect.getdoc(variants.load(name)) or ""
    assert "arXiv:" in doc.partition("Source:")[2]
    assert variants.idea(name) == doc.split("\n")[0]
