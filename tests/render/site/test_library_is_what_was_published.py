"""The library that sorts tables is the file that its authors published, with its licence beside it."""

import hashlib
import json

from sd import resource

ASSETS = resource("templates", "site", "assets", "datatables.net")

# Of the files in the npm package datatables.net 3.1.5; `make vendor` fetches it again and compares every byte.
PUBLISHED = {
    "dataTables.min.js": "38017a5586acd9c6eb6bbfe8b6938e1a25bdc717c5acfcb07e0c9d663282c59d",
    "License.txt": "62b5fdd54371b4f6bd07a60dbc78b38814f49a8028213f540dc2733cad605382",
}


def test_the_files_are_those_of_the_package() -> None:
    found = {name: hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() for name in PUBLISHED}
    assert found == PUBLISHED


def test_its_origin_is_written_beside_it() -> None:
    origin = json.loads((ASSETS / "origin.json").read_text())
    assert set(origin["files"]) == set(PUBLISHED)
    assert origin["version"] in origin["tarball"]
    assert f"DataTables {origin['version']}" in (ASSETS / "dataTables.min.js").read_text()[:200]
    assert "The MIT License" in (ASSETS / "License.txt").read_text()
