"""The site in a real browser, from the file system: what it does, how it fits, and who can use it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import HOSTILE, cells, hostile_key
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Complaints(list[str]):
    """What a page says on the console, throws, or asks a network for."""

    def of(self, page: Page) -> Page:
        page.on("console", lambda message: self.append(f"{page.url}: {message.type} {message.text}"))
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: (self.append(f"{page.url}: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request", lambda r: self.append(f"asks for {r.url}") if not r.url.startswith(("file:", "data:")) else None
        )
        return page


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of which nothing is to be complained."""
    complaints = Complaints()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield complaints.of(context.new_page())
    context.close()
    assert not complaints


def kinds(site: Path) -> list[str]:
    """A page of every kind."""
    teacher = next(cell.key for cell in cells() if cell.round == 0)
    answers = sorted(path.name for path in (site / "why").glob("*.html"))
    claims = [name for name in answers if name.startswith("claim-")]
    numbers = [name for name in answers if name not in claims]
    why = [f"why/{name}" for name in [*claims[:1], *numbers[:1]]]
    studies = [f"studies/{path.name}" for path in sorted((site / "studies").glob("*.html"))]
    places = [
        "index.html",
        "about.html",
        *(f"{place}/index.html" for place in ("claims", "tables", "figures", "cells")),
    ]
    shown = ["claims/c1.html", "claims/c9.html", "tables/table2.html", "figures/figure1.html", "figures/figure13.html"]
    return [*places, *shown, *studies, *why, f"cells/{teacher}.html", f"cells/{hostile_key()}.html"]


def visit(page: Page, site: Path, path: str) -> None:
    page.goto((site / path).as_uri())


def scores(page: Page) -> list[float]:
    """What the list of cells shows under best_test, from top to bottom; a cell may have none."""
    return [float(text) for text in page.locator("#cells tbody td.best_test").all_inner_texts() if text]


def in_order(heading: Locator, direction: str) -> None:
    """Wait until the rows are sorted: the library does it, and then says so, in a task after the click's."""
    expect(heading).to_have_attribute("aria-sort", direction)


def test_no_page_complains_scrolls_sideways_on_a_phone_or_runs_what_is_hostile(browser: Browser, site: Path) -> None:
    complaints = Complaints()
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = complaints.of(context.new_page())
    for path in kinds(site):
        visit(page, site, path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{path} is {width} wide"
    assert not complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, site: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found = []
    for path in kinds(site):
        visit(page, site, path)
        # preload would fetch the style sheet, which the page's own policy forbids.
        result = Axe().run(page, options={"preload": False}).response
        found += [
            f"{path}: {it['impact']} {it['id']}: {it['nodes'][0]['html'][:120]}"
            for it in result["violations"]
            if it["impact"] in {"serious", "critical"}
        ]
        assert result["passes"]
    assert not found


def test_cells_are_found_by_any_of_their_words(page: Page, site: Path) -> None:
    visit(page, site, "cells/index.html")
    page.get_by_role("searchbox").fill("R2 resnet18")
    rows = page.locator("#cells tbody tr")
    expect(rows).to_have_count(3)
    assert "1 to 3 of 3" in page.locator(".dt-info").inner_text()
    rows.first.get_by_role("link").click()
    assert page.locator("h1").inner_text() == "ResNet18, CIFAR-10: R2"
    assert page.locator(".lineage [aria-current]").inner_text().startswith("R2")
    page.locator(".lineage a").first.click()
    assert page.locator("h1").inner_text() == "ResNet18, CIFAR-10: T"


def test_a_table_is_sorted_by_its_numbers_there_and_back(page: Page, site: Path) -> None:
    visit(page, site, "cells/index.html")
    heading = page.get_by_role("columnheader", name="best_test")
    heading.click()
    in_order(heading, "ascending")
    rising = scores(page)
    assert len(rising) > 20
    assert rising == sorted(rising)
    heading.get_by_role("button").press("Enter")
    in_order(heading, "descending")
    assert scores(page) == rising[::-1]


def test_the_papers_rows_can_be_sorted_and_searched(page: Page, site: Path) -> None:
    visit(page, site, "tables/table2.html")
    page.get_by_role("searchbox").first.fill("VGG16 paper")
    first = page.locator("table").first.locator("tbody tr")
    expect(first).to_have_count(6)
    heading = page.get_by_role("columnheader", name="SAM").first
    heading.click()
    in_order(heading, "ascending")
    shown = [text.split(" ±")[0] for text in first.locator("td:last-child").all_inner_texts()]
    assert shown == sorted(shown)


def test_every_cell_of_a_row_stands_on_its_line(page: Page, site: Path) -> None:
    visit(page, site, "cells/index.html")
    displays = (
        page.locator("#cells tbody tr")
        .first.locator("td")
        .evaluate_all(
            "cells => cells.map(cell => [getComputedStyle(cell).display, getComputedStyle(cell, '::before').content])"
        )
    )
    assert displays == [["table-cell", "none"]] * len(displays), "a class of a column is one of something else"
    assert len(displays) > 10


def test_light_and_dark_follow_the_system_until_somebody_chooses(browser: Browser, site: Path) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()

    def paper() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.removeprefix("rgb(").split(",")[0])

    visit(page, site, "index.html")
    assert paper() < 64
    button = page.get_by_role("button", name="Theme")
    button.click()
    assert "light" in button.inner_text()
    assert paper() > 192
    visit(page, site, "about.html")
    assert paper() > 192, "the choice is remembered"
    page.get_by_role("button", name="Theme").click()
    assert paper() < 64


def test_a_figure_can_be_enlarged(page: Page, site: Path) -> None:
    visit(page, site, "figures/figure1.html")
    picture = page.locator("#picture")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    before = picture.bounding_box()
    page.get_by_role("button", name="Larger").click()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["width"] > 1.4 * before["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Fit").click()
    fitted = picture.bounding_box()
    assert fitted
    assert fitted["width"] == before["width"]


def test_without_scripts_every_cell_can_be_reached(browser: Browser, site: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    visit(page, site, "cells/index.html")
    assert "by their study" in page.locator("noscript").inner_text()
    page.get_by_role("link", name="CIFAR-10, appendix_a").click()
    assert page.locator(".seeds a").count() >= len(cells()) - 2


def test_what_is_hostile_is_read_as_it_was_written(page: Page, site: Path) -> None:
    visit(page, site, "cells/index.html")
    page.get_by_role("searchbox").fill("onerror")
    expect(page.locator("#cells tbody tr")).to_have_count(1)
    assert page.locator("#cells tbody td").first.inner_text() == HOSTILE
    assert page.locator("#cells img").count() == 0
    visit(page, site, f"cells/{hostile_key()}.html")
    assert HOSTILE in page.locator("h1").inner_text()
