"""A library of ours is compiled once and kept; without a compiler, or a place to keep it, there is none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.test_compiling import needs_compiler
from zoo import native


@pytest.fixture(autouse=True)
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    native.library.cache_clear()
    yield
    native.library.cache_clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "it.h").write_text("constexpr int more = 1;")
    made = tmp_path / "it.cpp"
    made.write_text('#include "it.h"\nextern "C" int next(int i) { return i + more; }')
    return made


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "native").iterdir())


@needs_compiler
def test_it_is_compiled_once_and_anew_where_its_text_is_another(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (made := native.library(source))
    assert made.next(2) == 3
    (name,) = kept(tmp_path)
    native.library.cache_clear()
    with monkeypatch.context() as m:
        m.setattr(native, "_compile", lambda *_: pytest.fail("it was there"))
        assert native.library(source)
    (tmp_path / "it.h").write_text("constexpr int more = 5;")
    native.library.cache_clear()
    assert (made := native.library(source))
    assert made.next(2) == 7
    assert len(kept(tmp_path)) == 2
    assert name in kept(tmp_path)


@needs_compiler
def test_what_does_not_compile_is_none_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    source.write_text("no C++")
    assert native.library(source) is None
    assert kept(tmp_path) == []


@pytest.mark.parametrize("named", ["false", "no-such-compiler"])
def test_without_a_compiler_there_is_none(named: str, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", named)
    assert native.library(source) is None


def test_without_a_place_to_keep_it_there_is_none(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert native.library(source) is None


def test_a_file_that_is_no_library_is_none(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_compile", lambda source, into, flags: into.write_bytes(os.urandom(100)))
    assert native.library(source) is None
