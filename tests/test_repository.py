"""Addresses of repositories, as they are typed."""
import pytest

from coursekit.repository import address, owner_and_name
from helpers.given.console import UserError


@pytest.mark.parametrize("typed, meant", [
    ("https://github.com/lab/course", "https://github.com/lab/course"),
    (" https://GitHub.com/lab/course.git/ ", "https://github.com/lab/course"),
    ("https://github.com/lab/dgm.2027", "https://github.com/lab/dgm.2027"),
    ("https://gitlab.com/group/part/course", "https://gitlab.com/group/part/course"),
    ("https://gitlab.cs.example.edu/lab/course.git", "https://gitlab.cs.example.edu/lab/course"),
    ("https://git.example.edu:8443/lab/course", "https://git.example.edu:8443/lab/course"),
])
def test_an_address_is_kept_without_what_stands_behind_it(typed, meant):
    assert address(typed) == meant
    assert owner_and_name(meant) == (meant.removeprefix("https://github.com/") if "github" in meant else None)


@pytest.mark.parametrize("typed, reason", [
    ("", "not the address"), ("course", "not the address"), ("lab/course", "not the address"),
    ("git@github.com:lab/course.git", "not the address"), ("http://github.com/lab/course", "not the address"),
    ("https:/github.com/lab/course", "not the address"), ("https://github.com/lab/my course", "not the address"),
    ("https://someone:secret@github.com/lab/course", "not the address"),
    ("https://someone:se/secret@github.com/lab/course", "not the address"),
    ("https://github.com/lab/course?tab=readme", "not the address"),
    ("https://githib.com/lab/course", "did you mean github.com"), ("https://gitlab.co/lab/course", "mean gitlab.com"),
    ("https://localhost/lab/course", "not the address"), ('https://github.com/lab/"', "not the address"),
    ("https://gitlab.com/lab/course/-/tree/main", "not the address"),
    ("https://github.com/course", "has an owner and a name"),
    ("https://github.com/lab/course/tree/main", "has an owner and a name, and nothing behind it"),
])
def test_a_slip_in_an_address_is_one_line(typed, reason):
    with pytest.raises(UserError, match=reason) as caught:
        address(typed)
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
