"""The command line: what it prints, what it refuses with exit code 2 before anything is written, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from zoo import variants
from zoo.cli import app as cli
from zoo.cli import run
from zoo.extending import plugins
from zoo.looking import watch_page
from zoo.looking.watch import look
from zoo.metrics.protocols import PROTOCOLS
from zoo.progress.terminal import Live
from zoo.variant import REGISTRY

SMALL = ["--rounds", "6", "--width", "8", "--batch", "16", "--every", "3", "--seeds", "2", "--no-track"]


def test_the_main_job_in_small(zoo, tmp_path: Path) -> None:
    code, out, err = zoo("run", "unrolled", "--k", "1", *SMALL)
    assert (code, err) == (0, "")
    assert "modes" in out
    assert "zoo ui" not in out
    (folder,) = (tmp_path / "runs" / "ring" / "unrolled").iterdir()
    assert json.loads((folder / "config.json").read_text())["options"]["k"] == 1
    assert (folder / "samples.png").exists()


def test_a_run_is_trained_again_and_told_whether_its_numbers_come_again(zoo, tmp_path: Path) -> None:
    zoo("run", "ns", *SMALL, "--out", "r")
    code, out, err = zoo("verify", "r")
    assert (code, err) == (0, "")
    assert "Every number of 2 seeds came again, to the last bit." in out
    summary = json.loads(Path("r/summary.json").read_text())
    summary["metrics"]["modes"]["per_seed"][0] += 1
    Path("r/summary.json").write_text(json.dumps(summary))
    code, out, err = zoo("verify", "r")
    assert (code, err) == (1, "")
    assert "Some numbers did not come again. Nothing that is recorded of versions and machine differs." in out
    Path("r/summary.json").rename("r/other.json")
    code, out, err = zoo("verify", "r")
    assert (code, out) == (2, ""), "nothing is trained"
    assert "not finished" in err
    code, _, err = zoo("verify", "nowhere")
    assert (code, err) == (2, "zoo: There is no directory nowhere.\n")


def test_shapes_in_help_are_not_read_as_markup(zoo) -> None:
    told = " ".join(zoo("sample", "--help")[1].replace("│", " ").split())
    assert "Write the array (n, ...) instead" in told
    assert "Latents (n, latent) from" in told


def test_json_is_the_summary_and_nothing_else(zoo) -> None:
    code, out, _ = zoo("run", "ns", "--json", *SMALL)
    assert code == 0
    assert json.loads(out)["variant"] == "ns"
    assert "NaN" not in zoo("run", "ns", "--json", *SMALL, "--seeds", "1")[1]  # which has no interval


def test_a_run_that_goes_on_takes_no_other_settings(zoo, tmp_path: Path) -> None:
    assert zoo("run", "ns", *SMALL, "--out", "there")[0] == 0
    for given in (["--seeds", "3"], ["--data-root", "."], ["--rounds", "9", "--batch", "8"], ["--data", "grid"]):
        code, _, err = zoo("run", "ns", "--resume", "there", *given)
        assert (code, "takes no other settings" in err) == (2, True), given


def test_a_run_is_lengthened_in_a_folder_of_its_own(zoo, tmp_path: Path) -> None:
    assert zoo("run", "ns", *SMALL, "--out", "there", "--decay", "0.5")[0] == 0
    code, out, err = zoo("run", "--resume", "there", "--rounds", "12", "--no-track")
    assert (code, err) == (0, "")
    assert "round      12 of 12" in out
    (folder,) = (tmp_path / "runs" / "ring" / "ns").iterdir()
    config = json.loads((folder / "config.json").read_text())
    assert (config["recipe"]["rounds"], config["recipe"]["every"]) == (12, 3)
    assert config["lengthened"]["folder"] == "there"
    code, _, err = zoo("run", "--resume", "there", "--rounds", "6")
    assert (code, err) == (2, "zoo: The run in there has 6 rounds; to lengthen it give more, not 6.\n")


def test_a_run_of_ones_own_variant_is_lengthened_with_and_without_its_name(zoo) -> None:
    assert zoo("new-variant", "cli-longer")[0] == 0
    own = "cli_longer.py"
    assert zoo("run", "--plugin", own, "cli-longer", *SMALL, "--out", "there")[0] == 0
    for i, line in enumerate((["--plugin", own, "cli-longer"], [f"--plugin={own}"])):
        given = [*line, "--resume", "there", "--rounds", "12", "--no-track", "--out", f"longer{i}"]
        assert zoo("run", *given)[::2] == (0, ""), given
    named = [
        "--plugin",
        "f.py",
        "never-loaded",
        "--resume",
        "there",
        "--rounds",
        "9",
    ]  # nothing has loaded the file yet
    assert run.with_variant(named) == named


def test_a_recipe_of_ones_own_variant_takes_other_settings(zoo, tmp_path: Path) -> None:
    assert zoo("new-variant", "cli-recipe")[0] == 0
    (tmp_path / "own.toml").write_text('about = "own"\ndata = "ring"\nvariant = "cli-recipe"\n')
    own = ["--plugin", "cli_recipe.py", "--recipe", "own.toml"]
    assert zoo("run", *own, *SMALL, "--out", "there")[::2] == (0, "")
    assert json.loads((tmp_path / "there" / "config.json").read_text())["recipe"]["rounds"] == 6
    code, _, err = zoo("run", *own, "cli-recipe")
    assert (code, "stand after the variant's name" in err) == (2, True)


def test_a_folder_may_be_called_like_a_variant_or_like_a_setting(zoo, tmp_path: Path) -> None:
    line = ["--recipe", "d2gan-ring", "--out", "d2gan"]
    assert run.with_variant(line) == ["d2gan", *line]
    (tmp_path / "k=5").mkdir()
    (tmp_path / "k=5" / "config.json").write_text('{"variant": "unrolled"}')
    line = ["--resume", "k=5", "--rounds", "9"]
    assert run.with_variant(line) == ["unrolled", *line]
    stray = ["--recipe", "d2gan-ring", "ns"]  # for the command to refuse
    assert run.with_variant(stray) == stray
    for before in ("--no-track", "--quiet", "--recipe=d2gan-ring"):  # after which a name is no value
        code, _, err = zoo("run", "--recipe", "d2gan-ring", before, "d2gan")
        assert (code, "stand after the variant's name: zoo run d2gan" in err) == (2, True)


def test_the_name_alone_shows_the_help_and_no_empty_sentence(zoo) -> None:
    code, out, err = zoo()
    assert (code, err) == (2, "")
    assert "Commands" in out


def test_the_version(zoo) -> None:
    assert zoo("--version")[:2] == (0, f"zoo {metadata.version('mode-collapse-zoo')}\n")


def test_help_shows_a_variants_own_options(zoo) -> None:
    code, out, _ = zoo("run", "unrolled", "--help")
    assert code == 0
    assert "--k " in out
    assert "--lr-d" in out
    assert "--k " not in zoo("run", "ns", "--help")[1]


def test_list_names_everything(zoo) -> None:
    found = json.loads(zoo("list", "--json")[1])
    assert {"vanilla", "ns", "unrolled", "madgan", "mrgan", "minibatch", "wgan"} <= {
        v["name"] for v in found["variants"]
    }
    assert {"ring", "grid", "digits", "mnist"} <= {d["name"] for d in found["datasets"]}
    assert all(entry["about"] for kind in found.values() for entry in kind)


def test_every_kind_of_list_that_is_promised_is_there(zoo) -> None:
    for kind in cli.KINDS:
        found = json.loads(zoo("list", kind, "--json")[1])
        assert len(found[kind]) > 1
    assert {entry["name"] for entry in found["protocols"]} == set(PROTOCOLS)
    assert "pacgan         Lin et al. 2018: 2,500 samples" in zoo("list", "protocols")[1]


def test_show_tells_players_and_options_with_sources(zoo) -> None:
    out = zoo("show", "unrolled")[1]
    assert "D moves D with Adam" in out
    assert "--k int = 5" in out
    assert "arXiv:1611.02163" in out


def test_help_shows_where_a_recipe_s_option_has_its_default_from(zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    lines = {line.split()[1]: line for line in zoo("run", "ns", "--help")[1].splitlines() if " --" in line}
    assert "(default: 0.999)" in lines["--b2"]
    assert "(default: 1)" in lines["--g-steps"]
    assert "(default: the data set's recipe)" in lines["--rounds"]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "zoo",
        "run",
        "ns",
        "--rounds",
        "100000",
        "--width",
        "8",
        "--batch",
        "16",
        "--seeds",
        "1",
    ]
    env = os.environ | {"PYTHONUNBUFFERED": "1"}
    run = subprocess.Popen(
        [*command, "--every", "50", "--no-track", "--out", "run"],
        cwd=tmp_path,
        text=True,
        stderr=subprocess.PIPE,
        env=env,
    )
    for _ in range(600):
        if (tmp_path / "run" / "checkpoint.safetensors").exists():
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "zoo run --resume run" in err
    assert (tmp_path / "run" / "INTERRUPTED").exists()


def test_a_run_is_logged_where_its_folder_is(zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep's cell that `zoo run --resume` ends is looked for in the sweep's store."""
    from zoo import tracking

    told = []
    monkeypatch.setattr(tracking, "try_log", lambda folder, root: told.append(root))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / tracking.FILE).touch()
    for place in ("shared/ring/ns/a", "elsewhere"):
        assert zoo("run", "ns", *SMALL[:-1], "--out", place)[0] == 0
    assert told == [tmp_path / "shared", tracking.ROOT]


def test_a_method_s_own_option_may_come_from_the_data_set_s_recipe(zoo) -> None:
    from zoo.runs.cell import plan

    assert [plan("wgan-gp", data=data).options["lam"] for data in ("ring", "digits")] == [0.1, 10.0]
    assert plan("wgan-gp", {"lam": 1.0}, data="digits").options["lam"] == 1
    told = " ".join(zoo("run", "wgan-gp", "--help")[1].replace("│", " ").split())
    assert "(default: 0.1, unless the data set's recipe has one)" in told


@pytest.mark.parametrize("name", variants.own())
def test_every_variant_has_its_command(name: str) -> None:
    """An option that is named like a recipe's field would have none."""
    assert run.run_command(name).name == name


def test_a_recipe_s_own_variant_need_not_be_named(zoo, tmp_path: Path) -> None:
    code, _, err = zoo(
        "run",
        "--recipe",
        "zero-gp-grid",
        "--rounds",
        "3",
        "--seeds",
        "1",
        "--lam",
        "2",
        "--no-track",
        "--json",
        "--out",
        "r",
    )
    assert (code, err) == (0, "")
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert (config["variant"], config["recipe"]["rounds"], config["options"]["lam"]) == ("zero-gp", 3, 2.0)
    for wrong, told in {
        ("--recipe", "ring", "--rounds", "3"): "names no variant",
        ("--recipe", "zero-gp-gird", "--rounds", "3"): "did you mean 'zero-gp-grid'?",
        ("--recipe=zero-gp-grid", "--k", "5"): "No such option: --k",
        ("--recipe",): "requires an argument",
    }.items():
        code, _, err = zoo("run", *wrong)
        assert (code, len(err.strip().splitlines())) == (2, 1)
        assert told in err


def forget(name: str) -> None:
    """As in a process that has not loaded its file."""
    plugins.FILES.pop(name, None)
    REGISTRY.pop(name, None)


def test_a_run_of_ones_own_variant_is_used_with_its_file_and_never_runs_it_unasked(zoo, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\nfrom zoo import register\n"
        "from zoo.variants.ns import NonSaturating\nPath('loaded').touch()\n\n"
        "@register('kept')\n@dataclass(frozen=True)\nclass Kept(NonSaturating):\n    pass\n"
    )
    assert zoo("run", "--plugin", "mine.py", "kept", *SMALL, "--out", "r")[0] == 0
    assert json.loads((tmp_path / "r" / "config.json").read_text())["plugin"] == str(mine)
    forget("kept")
    (tmp_path / "loaded").unlink()
    uses = (["sample", "r", "-o", "s.npy"], ["eval", "r", "--metrics", "ais"], ["run", "--resume", "r", "--no-track"])
    for command in uses:
        code, _, told = zoo(*command)
        assert (code, len(told.strip().splitlines())) == (2, 1)
        assert told.endswith(f"comes from the file {mine}: look at it, and give it with --plugin {mine}.\n")
    assert watch_page.draw(look(tmp_path / "r"), "losses").startswith(b"\x89PNG")  # without its own equilibrium
    assert not (tmp_path / "loaded").exists()
    for command in (*uses, ["watch", "r", "--terminal"]):
        assert zoo(*command, "--plugin", str(mine))[0] == 0, command
        forget("kept")
    mine.unlink()
    assert "which is not there any more; give the file where it is now with --plugin FILE." in zoo("sample", "r")[2]


def test_an_interrupted_run_of_ones_own_variant_says_how_it_goes_on(
    zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nfrom zoo import register\nfrom zoo.variants.ns import NonSaturating\n\n"
        "@register('stopped')\n@dataclass(frozen=True)\nclass Stopped(NonSaturating):\n    pass\n"
    )
    monkeypatch.setattr(Live, "evaluated", lambda live, record: os.kill(os.getpid(), signal.SIGINT))
    code, _, told = zoo("run", "--plugin", "mine.py", "stopped", *SMALL, "--out", "r")
    monkeypatch.undo()
    forget("stopped")
    assert code == 130
    command = told.strip().splitlines()[-1].split()
    assert command == ["zoo", "run", "--plugin", str(mine), "--resume", "r"]


def test_text_that_looks_like_markup_is_printed_as_it_is(zoo, tmp_path: Path) -> None:
    code, out, _ = zoo("run", "ns", *SMALL, "--out", "exp[lr=0.001]/[/data]a")
    assert code == 0
    assert "Files are in exp[lr=0.001]/[/data]a" in out.replace("\n", "")
