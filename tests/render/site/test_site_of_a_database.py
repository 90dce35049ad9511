"""A site is whole, says the same twice, and shows whatever a database holds as text."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from conftest import HOSTILE, cells, hostile_key, sources

from sd.plan.resources import Resources
from sd.plan.schedule import Plan, Step
from sd.render.provenance.asked import Sources
from sd.render.site.build import build_site
from sd.render.site.grids import Grid, plan_of
from sd.store.database import Database, open_database


class Page(HTMLParser):
    """The tags, the targets, and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def ids(self) -> set[str | None]:
        return {attributes.get("id") for _, attributes in self.tags}

    @property
    def targets(self) -> list[str]:
        return [a[name] or "" for _, a in self.tags for name in ("href", "src") if name in a]


def broken_links(site: Path) -> list[str]:
    """Links of a site's pages that lead nowhere in it, or out of it."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            link = urlsplit(target)
            there = (path.parent / unquote(link.path)).resolve() if link.path else path
            inside = not link.scheme and there.is_file() and there.is_relative_to(site.resolve())
            if not inside or (link.fragment and link.fragment not in pages[there].ids):
                broken.append(f"{path.relative_to(site)}: {target}")
    return broken


def test_every_link_leads_to_something_in_the_site(site: Path) -> None:
    assert len(list(site.rglob("*.html"))) > len(cells())
    assert not broken_links(site)


def test_a_cell_has_its_curves_lineage_attempts_and_hashes(site: Path, database: Database) -> None:
    (cell,) = database.rows("SELECT key, teacher_key FROM cells WHERE model = 'R2' AND arch = 'resnet18' AND seed = 1")
    page = Page(site / "cells" / f"{cell['key']}.html")
    for row in database.rows("SELECT sha256 FROM checkpoints WHERE cell_key = :key", key=cell["key"]):
        assert row["sha256"] in page.text
    assert f"{cell['teacher_key']}.html" in page.targets
    assert {"lineage", "curves", "curvature", "checkpoints", "attempts"} <= page.ids
    assert sum(tag == "svg" for tag, _ in page.tags) == 2


def test_a_claim_leads_to_the_facts_that_were_tested_and_to_their_cells(site: Path) -> None:
    claim = Page(site / "claims" / "c1.html")
    assert "python -m sd.report --why claim:C1" in claim.text
    assert {"../why/claim-c1-best_test.html", "../why/claim-c1-last.html"} <= set(claim.targets)
    answer = Page(site / "why" / "claim-c1-last.html")
    assert "gain = " in answer.text
    tested = {cell.key for cell in cells() if cell.round <= 1 and cell.optimizer != "sam"}
    linked = {Path(target).stem for target in answer.targets if target.startswith("../cells/")} - {"index"}
    assert linked and linked <= tested


def test_a_figure_of_another_study_than_the_papers_says_so_above_the_picture(site: Path) -> None:
    for page in (site / "figures").glob("figure*.html"):
        text = Page(page).text
        assert ("NOT THE PAPER’S STUDY" in text) == ("Shown is another study" in text), page
    assert any("Shown is another study" in Page(page).text for page in (site / "figures").glob("figure*.html"))


def test_made_twice_it_is_the_same_bytes(site: Path, database: Database, tmp_path: Path) -> None:
    build_site(sources(database), tmp_path / "again", [])
    first, second = (
        {p.relative_to(s): p.read_bytes() for p in s.rglob("*") if p.is_file()} for s in (site, tmp_path / "again")
    )
    assert first == second


def test_the_site_of_a_grid_has_its_cells_alone(database: Database, tmp_path: Path) -> None:
    only = [cell for cell in cells() if cell.arch == "resnet18"]
    plan = Plan("mine", {cell.key: Step(cell, (), Resources()) for cell in only})
    build_site(sources(database), tmp_path / "site", [], only=plan)
    names = {path.stem for path in (tmp_path / "site" / "cells").glob("*.html")} - {"index"}
    assert names == {cell.key for cell in only}
    assert not broken_links(tmp_path / "site")


def test_each_number_of_a_grid_leads_to_its_runs_also_where_the_grid_has_a_tables_name(
    database: Database, tmp_path: Path
) -> None:
    """The address says ``jobs/table9.yaml`` then, as ``table9:`` begins those of the paper's tables."""
    only = [cell for cell in cells() if cell.arch == "resnet18"]
    grids = [
        Grid(Plan(name, {cell.key: Step(cell, (), Resources()) for cell in only}), [Path(f"{name}.yaml")], "")
        for name in ("table9", "mine")
    ]
    build_site(Sources(database, Path("runs"), plan_of(grids)), tmp_path / "site", grids)
    table9, mine = (
        [t for t in Page(path).targets if "/why/" in t]
        for name in ("table9", "mine")
        for path in (tmp_path / "site" / "tables").glob(f"grid-{name}-*.html")
    )
    assert len(table9) == len(mine) > 4
    assert not broken_links(tmp_path / "site")


def test_what_somebody_wrote_into_the_database_stays_text(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Page(path)
        assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)], path
        assert all((a.get("src") or "").endswith(".js") for tag, a in page.tags if tag == "script"), path
        assert not [a for tag, a in page.tags if tag == "img" and a.get("src") == "x"], path
    assert HOSTILE in Page(site / "cells" / f"{hostile_key()}.html").text
    assert re.fullmatch(r"[\x00-\x7f]*", (site / "cells" / "data.js").read_text())
    for picture in (site / "figures").glob("*.svg"):
        assert not re.search(r"<(script|img|image)\b|\son\w+=", picture.read_text()), picture


def test_a_key_that_is_none_names_no_file_outside(site: Path) -> None:
    assert not list(site.parent.parent.rglob("evil*"))
    assert any(Page(path).text.count("../../evil") for path in (site / "cells").glob("*.html"))


def test_a_database_without_a_cell_has_a_site(tmp_path: Path) -> None:
    build_site(sources(open_database(str(tmp_path / "results.db"), create=True)), tmp_path / "site", [])
    assert not broken_links(tmp_path / "site")
