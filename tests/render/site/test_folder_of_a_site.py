"""A site comes to its place whole or not at all, and never in the place of anything else."""

import stat
from pathlib import Path

import pytest

from sd import BadInput
from sd.render.site.folder import MARK, site_folder

PARTS = ("index.html", "cells")


def make(place: Path, text: str = "new") -> None:
    with site_folder(place, PARTS) as folder:
        (folder / "index.html").write_text(text)


def test_a_former_site_is_replaced_and_what_it_had_is_gone(tmp_path: Path) -> None:
    make(tmp_path / "site", "old")
    (tmp_path / "site" / "cells").mkdir()
    make(tmp_path / "site")
    assert {path.name for path in (tmp_path / "site").iterdir()} == {"index.html", MARK}
    assert (tmp_path / "site" / "index.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_others_can_read_it_as_the_users_umask_allows(tmp_path: Path) -> None:
    make(tmp_path / "site")
    (tmp_path / "usual").mkdir()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("site", "usual")]
    assert modes[0] == modes[1]


def test_if_writing_fails_the_former_site_is_there_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "site", "old")
    with pytest.raises(KeyboardInterrupt), site_folder(tmp_path / "site", PARTS) as folder:
        (folder / "index.html").write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    make(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").exists()


@pytest.mark.parametrize("there", ["other", "file", "link", "foreign"])
def test_what_is_no_site_of_ours_is_refused_in_one_line(there: str, tmp_path: Path) -> None:
    place = tmp_path / "site"
    if there == "file":
        place.write_text("mine")
    elif there == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    else:
        if there == "foreign":
            make(place)
        place.mkdir(exist_ok=True)
        (place / "thesis.tex").write_text("mine")
    with pytest.raises(BadInput) as refused:
        make(place)
    assert "\n" not in str(refused.value)
    assert str(place) in str(refused.value)
    assert place.is_symlink() or (place if there == "file" else place / "thesis.tex").read_text() == "mine"
