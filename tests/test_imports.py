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
HEAVY = {"mlflow": {"zoo/tracking.py"}, "matplotlib": {"zoo/plots.py"}}


LINE = {"engine", "recording", "parts", "products", "convolutions", "columns", "reuse", "fusing", "interpreter"}
MAY: dict[str, set[str]] = {
    **{name: set() for name in ("optim", "losses", "normals", "threads", "statistics", "resampling")},
    **dict.fromkeys(sorted(LINE), LINE),
    "game": {"optim"},
    "lanes": {"optim"},
    "randomness": {"game", "normals"},
    "variant": {"game", "losses", "errors"},
    "recipe": {"variant", "errors"},
    "counting": LINE,
    "graphs": LINE,
    "compiling": LINE | {"counting"},
    "memory": LINE | {"harness"},
    "engines": LINE | {"compiling", "graphs", "memory", "normals", "harness", "errors"},
    "harness": LINE
    | {"counting", "diagnostics", "game", "lanes", "optim", "randomness", "recipe", "threads", "variant"},
    "diagnostics": {"game", "harness", "randomness"},
    "landscape": {"game", "harness", "randomness"},
    "checkpoint": {"harness", "errors"},
    "metrics": {"metrics", "errors"},
    "plots": {"plots"},
}
"""The table of docs/design.md: a module of zoo (a folder, or several of one beginning), and which others it may import."""


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
    paths = [ROOT / f"zoo/{name}.py", *files(f"zoo/{name}"), *(ROOT / "zoo").glob(f"{name}_*.py")]
    for path in (path for path in paths if path.exists()):
        modules = {m.split(".")[1].split("_")[0] for m in ours(imports(path)) if m.startswith("zoo.")}
        there = {m for m in modules if (ROOT / f"zoo/{m}.py").exists() or (ROOT / f"zoo/{m}").is_dir()}
        assert there <= MAY[name], path
        assert not {m.split(".")[0] for m in ours(imports(path))} - {"zoo"} or name in ("metrics", "plots"), path


def test_the_harness_is_handed_its_game() -> None:
    for name in (
        "game",
        "optim",
        "engine",
        "compiling",
        "graphs",
        "engines",
        "harness",
        "randomness",
        "recipe",
        "variant",
        "losses",
        "checkpoint",
    ):
        modules = ours(imports(ROOT / f"zoo/{name}.py"))
        for forbidden in (
            "zoo.variants",
            "zoo.metrics",
            "zoo.tracking",
            "zoo.cli",
            "zoo.session",
            "toy_data",
            "baselines",
        ):
            assert not any(m == forbidden or m.startswith(forbidden + ".") for m in modules), (name, forbidden)


@pytest.mark.parametrize("package", HEAVY)
def test_slow_packages_have_one_home(package: str) -> None:
    homes = {
        str(p.relative_to(ROOT))
        for f in ("zoo", "toy_data", "baselines")
        for p in files(f)
        if package in {m.split(".")[0] for m in imports(p)}
    }
    assert homes <= {
        h for h in homes if any(h == home or h.startswith(home.removesuffix(".py")) for home in HEAVY[package])
    }


@pytest.mark.parametrize(
    ("command", "ends"), [(["--help"], 0), (["list"], 0), (["list", "--json"], 0), (["list", "--nonsense"], 2)]
)
def test_asking_for_help_imports_nothing_slow(command: list[str], ends: int) -> None:
    code = (
        f"import sys; sys.argv = ['zoo', *{command!r}]\n"
        "from zoo.cli import main\n"
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

    for name in (
        "game",
        "engine",
        "compiling",
        "engines",
        "harness",
        "randomness",
        "recipe",
        "session",
        "checkpoint",
        "tracking",
        "plots",
    ):
        path = ROOT / f"zoo/{name}.py"
        strings = {
            n.value
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        assert not strings & set(variants.names()), name


def test_files_stay_short() -> None:
    """About 300 lines; the table of metrics is data."""
    for folder in ("zoo", "toy_data", "baselines"):
        for path in files(folder):
            if path.name != "spec.py":
                assert len(path.read_text().splitlines()) <= 320, path
