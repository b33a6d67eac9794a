"""What a cell becomes of what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.runs.cell import plan


@pytest.mark.parametrize(
    ("changes", "every"),
    [({}, 500), ({"rounds": 100}, 5), ({"rounds": 3}, 1), ({"rounds": 100, "every": 50}, 50), ({"rounds": 9000}, 500)],
)
def test_a_shortened_recipe_is_still_evaluated_twenty_times(changes: dict[str, int], every: int) -> None:
    assert plan("ns", recipe="ring-tuned", changes=changes).recipe.every == every


def test_a_whole_number_for_a_number_is_the_same_cell() -> None:
    whole, exact = (plan("r1", {"gamma": one}, changes={"lr_d": one}) for one in (1, 1.0))
    assert (whole.key, whole) == (exact.key, exact)


def test_a_number_beyond_all_floats_is_refused() -> None:
    with pytest.raises(ZooError, match="--lr-d must be a finite number"):
        plan("ns", changes={"lr_d": 10**400})


def test_a_folder_of_images_is_found_from_elsewhere_too(mnist_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(mnist_root)
    monkeypatch.chdir(root.parent)
    found = plan("ns", data="mnist", data_root=root.name).data_root
    assert found is not None
    assert Path(found).is_absolute()
    assert Path(found).samefile(mnist_root)


def test_what_is_no_folder_of_images_is_refused() -> None:
    with pytest.raises(ZooError, match="'data_root' is given by its name"):
        plan("ns", data_root=5)
    assert plan("ns", data_root="").data_root is None
