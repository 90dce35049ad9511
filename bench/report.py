"""How long reports take on a database of many cells, and the memory of each. Run: python bench/report.py

The database is made by :mod:`big_database` in a temporary folder, 10,000 cells of 600 epochs (``--cells``,
``--epochs``), or once in a folder to be kept (``--keep DIR``), which later runs use as it is.
"""

import argparse
import os
import resource as limits
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import big_database

REPORTS = {
    "table 2": ("--table", "2"),
    "table all": ("--table", "all"),
    "claims": ("--claims",),
    "all": ("--all",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--repeat", type=int, default=5, help="times each report but --all is made")
    parser.add_argument("--only", choices=list(REPORTS), action="append", help="of the reports")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        database = folder / f"{given.cells}x{given.epochs}.db"
        if not database.exists():
            started = time.perf_counter()
            unfinished = database.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            made = big_database.make(unfinished, cells=given.cells, epochs=given.epochs)
            unfinished.rename(database)
            print(f"made {made:,} cells in {time.perf_counter() - started:.0f} s", flush=True)
        print(f"{database.name}: {database.stat().st_size / 1e9:.2f} GB")
        for name in given.only or REPORTS:
            arguments = [*REPORTS[name], *([str(folder / "site")] if name == "all" else [])]
            runs = [_run(arguments, database) for _ in range(1 if name == "all" else given.repeat)]
            if any(run is None for run in runs):
                print(f"python -m sd.report --{name}: this version has no such report, or it failed")
                continue
            walls, works, peaks = zip(*(run for run in runs if run), strict=True)
            print(
                f"python -m sd.report --{name}: {statistics.median(walls):.2f} s, {statistics.median(works):.2f} s of "
                f"them computing; peak memory {max(peaks) / 1e6:.0f} MB (median of {len(runs)})",
                flush=True,
            )


def _run(arguments: list[str], database: Path) -> tuple[float, float, int] | None:
    """Seconds from the shell, seconds of computing, and the peak resident set in bytes; ``None`` if it failed."""
    command = [sys.executable, "-m", "sd.report", *arguments, "--db", str(database)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    told = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        print(told.strip().splitlines()[-1] if told.strip() else "", file=sys.stderr)
        return None
    kilo = 1 if sys.platform == "darwin" else 1024
    return wall, _computing(used), used.ru_maxrss * kilo


def _computing(used: limits.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
