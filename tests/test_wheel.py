"""A wheel works where there is no checkout: it carries the SQL, the templates and the grids."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def test_an_installed_wheel_reports_and_plans(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("sd-*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = [sys.executable, "-c", "import sd; print(sd.__file__)"]
    assert str(site) in subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    assert "digits: 50 cells, 0 done, 50 to run" in run("sd.launch", "jobs/digits.yaml", "--local", "--dry-run")
    made = "from sd.store.database import open_database; open_database('results.db', create=True)"
    subprocess.run([sys.executable, "-c", made], cwd=tmp_path, env=environment, check=True)
    assert "95.57 ± 0.15" in run("sd.report", "--table", "2")
