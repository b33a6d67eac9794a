"""What stands on the command line: lists with commas."""

from zoo.cli.line import by_commas


def test_a_list_has_no_empty_names() -> None:
    assert by_commas("modes, js,,fid ") == ("modes", "js", "fid")
    assert by_commas(" , ") == by_commas("") == by_commas(None) == ()
