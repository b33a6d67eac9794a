"""The import rule of docs/design.md, and the cost of asking for help."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"zoo", "toy_data", "baselines"}
VARIANTS_MAY: dict[str, set[str]] = {
    "zoo.errors",
    "zoo.game",
    "zoo.losses",
    "zoo.penalties",
    "zoo.nets",
    "zoo.optim",
    "zoo.variant",
    "zoo.variants",
}
HEAVY = {"mlflow": "zoo/tracking", "matplotlib": "zoo/looking/plots"}
"""Slow packages, and how the only files begin that import them."""

GAME = {"engines", "game", "lanes", "optim", "randomness", "recipe", "variant"}
FILES = {"runs", "evaluation", "metrics", "statistics", "markdown", "files", "errors"}
MAY: dict[str, set[str]] = {
    **{name: set() for name in ("optim", "losses", "threads", "statistics", "markdown", "heap", "ambient")},
    "native": {"files"},
    "normals": {"native"},
    "files": {"errors"},
    "game": {"optim"},
    "lanes": {"optim"},
    "randomness": {"game", "normals"},
    "variant": {"game", "losses", "errors"},
    "recipe": {"variant", "errors"},
    "engines": {"engines", "native", "ambient"},
    "engines/memory": {"engines", "harness", "optim", "recipe", "variant", "errors"},
    "engines/choice": {"engines", "harness", "native", "errors"},
    "harness": GAME,
    "diagnostics": {"game", "harness", "lanes", "randomness"},
    "training": {"engines", "diagnostics", "harness", "lanes", "threads"},
    "checkpoint": {"lanes", "errors", "files"},
    "runs/landscape": {"game", "harness", "lanes", "randomness"},
    "nets": {"nets", "variant", "errors"},
    "metrics": {"metrics", "markdown", "errors"},
    "looking": FILES | {"looking", "tracking", "variants"},
    "sweeps": FILES | {"sweeps", "tracking", "variants", "variant", "recipe", "extending"},
    "progress": FILES | {"progress", "training", "sweeps"},
    "api": {
        *GAME,
        *FILES,
        "api",
        "progress",
        "looking",
        "sweeps",
        "extending",
        "ambient",
        "tracking",
        "training",
        "harness",
    },
    "extending": GAME
    | {"extending", "ambient", "harness", "diagnostics", "checkpoint", "nets", "metrics", "variants", "errors"},
}
"""The table of docs/design.md: a module of zoo or a folder (but for its files that stand here themselves), and what of zoo it may import."""
ALONE = {*MAY} - {"metrics", "looking", "sweeps", "extending", "progress", "api"}
"""Of these, those that import nothing of toy_data or baselines."""


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at any depth of indentation."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def ours(modules: set[str]) -> set[str]:
    return {m for m in modules if m.split(".")[0] in OURS}


def test_toy_data_imports_nothing_else_of_ours() -> None:
    for path in files("toy_data"):
        assert {m.split(".")[0] for m in ours(imports(path))} <= {"toy_data"}, path


def test_variants_import_only_what_mathematics_needs() -> None:
    for path in files("zoo/variants"):
        if path.name == "__init__.py":
            continue
        for module in ours(imports(path)):
            assert module == "zoo" or any(module == m or module.startswith(m + ".") for m in VARIANTS_MAY), (
                path.name,
                module,
            )


@pytest.mark.parametrize("name", MAY)
def test_every_layer_imports_what_the_table_allows(name: str) -> None:
    named = {ROOT / f"zoo/{other}.py" for other in MAY if other != name}
    paths = {ROOT / f"zoo/{name}.py", *files(f"zoo/{name}")} - named
    assert any(path.exists() for path in paths)
    for path in (path for path in paths if path.exists()):
        modules = ours(imports(path))
        parts = {m.split(".")[1] for m in modules if m.startswith("zoo.")}
        there = {m for m in parts if (ROOT / f"zoo/{m}.py").exists() or (ROOT / f"zoo/{m}").is_dir()}
        assert there <= MAY[name], path
        assert name not in ALONE or not {m.split(".")[0] for m in modules} - {"zoo"}, path


CORE = ("game", "optim", "harness", "randomness", "recipe", "variant", "losses", "checkpoint", "engines")


def test_the_harness_is_handed_its_game() -> None:
    above = {"variants", "metrics", "tracking", "cli", "runs", "looking", "sweeps", "evaluation", "extending"}
    for name in CORE:
        for path in (p for p in (ROOT / f"zoo/{name}.py", *files(f"zoo/{name}")) if p.exists()):
            modules = ours(imports(path))
            assert not {m.split(".")[0] for m in modules} & {"toy_data", "baselines"}, path
            assert not {m.split(".")[1] for m in modules if "." in m} & above, path


@pytest.mark.parametrize("package", HEAVY)
def test_slow_packages_have_one_home(package: str) -> None:
    homes = {
        str(path.relative_to(ROOT))
        for folder in sorted(OURS)
        for path in files(folder)
        if package in {m.split(".")[0] for m in imports(path)}
    }
    assert homes
    assert all(home.startswith(HEAVY[package]) for home in homes), homes


@pytest.mark.parametrize(
    ("command", "ends"), [(["--help"], 0), (["list"], 0), (["list", "--json"], 0), (["list", "--nonsense"], 2)]
)
def test_asking_for_help_imports_nothing_slow(command: list[str], ends: int) -> None:
    code = (
        f"import sys; sys.argv = ['zoo', *{command!r}]\n"
        "from zoo.cli.app import main\n"
        "try: main()\n"
        f"except SystemExit as e: assert (e.code or 0) == {ends}, e.code\n"
        "slow = {'torch', 'mlflow', 'matplotlib', 'torchvision', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_harness_file_names_a_variant() -> None:
    """Nothing outside a variant's file, the recipes and the text for people knows a variant by name."""
    from zoo import variants

    for name in (*CORE, "runs/session", "tracking", "looking/plots"):
        for path in (p for p in (ROOT / f"zoo/{name}.py", *files(f"zoo/{name}")) if p.exists()):
            strings = {
                n.value
                for n in ast.walk(ast.parse(path.read_text()))
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
            assert not strings & set(variants.names()), path


def test_files_stay_short() -> None:
    """About 300 lines; the table of metrics is data."""
    for folder in ("zoo", "toy_data", "baselines"):
        for path in files(folder):
            if path.name != "spec.py":
                assert len(path.read_text().splitlines()) <= 320, path


def test_a_notebook_offers_every_name_before_it_is_used() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import zoo; print(sorted(set(zoo.__all__) - set(dir(zoo))))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"
