"""The walk: an act of a cell's life is cut off at each call by which it changes the disk, one after the other.

A program, to be run with the library of ``shim.c`` preloaded: ``walk.py FOLDER ACT MODE [ERRNO [STRIDE]]`` prints as
JSON how many calls there are, at how many points it was cut off, and what was wrong after which; ``STRIDE`` takes every
so many-eth point alone. It imports torch once; every life is a forked process.
"""

import contextlib
import ctypes
import importlib
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from acts import ACTS, Acts, check, contents, facts, study

from sd import BadInput
from sd.cluster.task import sources
from sd.store.attempt import code_version
from sd.train import teacher
from sd.train.datasets import load

COUNT, KILL, TEAR, FAIL_ONCE, FAIL_ON = range(5)
KILLED = 137

shim = ctypes.CDLL(None)
shim.sd_faults_last.restype = ctypes.c_char_p
shim.sd_faults_kinds.restype = ctypes.c_char_p
shim.sd_faults_disarm.restype = ctypes.c_long


def live(work: Callable[[], Any], folder: Path, mode: int = COUNT, at: int = 0, error: int = 0) -> dict[str, Any]:
    """Do ``work`` in a process of its own, where call ``at`` under ``folder`` kills or fails; what came of it."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        told: dict[str, Any] = {}
        shim.sd_faults_arm(os.fsencode(folder), mode, ctypes.c_long(at), error)
        try:
            told["result"] = work()
        except (OSError, BadInput) as problem:
            told["error"] = f"{type(problem).__name__}: {problem}"
        except BaseException:
            told["traceback"] = traceback.format_exc()
        told["calls"] = shim.sd_faults_disarm()
        told["kinds"] = shim.sd_faults_kinds().decode()
        told["last"] = shim.sd_faults_last().decode()
        os.write(writer, json.dumps(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return {"code": code, **(json.loads(said) if said else {})}


class Walk:
    """One act, from the folder that those before it have left."""

    def __init__(self, folder: Path, act: str) -> None:
        self.folder, self.act = folder, act
        folder.mkdir(parents=True, exist_ok=True)
        self.plan = study(folder)
        self.acts = Acts(self.plan)
        self.base, self.undisturbed = folder / "base", folder / "undisturbed"
        self.base.mkdir()
        for earlier in ACTS[: ACTS.index(act)]:
            self._do(earlier, self.base)
        self.before = contents(self.base)
        shutil.copytree(self.base, self.undisturbed)
        self.kinds = self._do(act, self.undisturbed)["kinds"]
        self.facts, self.after = facts(self.undisturbed), contents(self.undisturbed)

    def _do(self, act: str, place: Path) -> dict[str, Any]:
        done = live(lambda: getattr(self.acts, act)(place), place)
        assert done["code"] == 0 and "calls" in done and not {"error", "traceback"} & done.keys(), done
        return done

    def cut_off(self, mode: int, at: int, error: int) -> list[str]:
        """What is wrong if the act is cut off at one call, and then done again; nothing, or a line that says it."""
        place = self.folder / f"{mode}-{at}-{error}"
        shutil.copytree(self.base, place)
        try:
            first = live(lambda: getattr(self.acts, self.act)(place), place, mode, at, error)
            return [
                f"{self.act}, call {at} ({first.get('last', 'killed')}): {line}" for line in self._wrong(first, place)
            ]
        finally:
            shutil.rmtree(place)

    def _wrong(self, first: dict[str, Any], place: Path) -> list[str]:
        if "traceback" in first:
            return [first["traceback"]]
        if first["code"] not in {0, KILLED}:
            return [f"exit code {first['code']}"]
        if "error" in first and "\n" in first["error"]:
            return [f"more than a line: {first['error']}"]
        found = []
        with contextlib.suppress(KeyError):
            if not first["error"].strip():
                found.append("an error that says nothing")
        try:
            check(place, self.plan, self.before, self.after)
            again = live(lambda: getattr(self.acts, self.act)(place), place)
            if again["code"] or {"error", "traceback"} & again.keys():
                return [*found, f"done again: {again}"]
            check(place, self.plan, self.before, self.after)
            if facts(place) != self.facts:
                found.append("done again, the facts differ")
            if "error" not in first and first["code"] == 0 and contents(place) != self.after and self.after:
                found.append("reported as done, and is not in the database")
        except Exception:
            found.append(traceback.format_exc())
        return found


def _import_what_a_life_imports(folder: Path) -> None:
    """Of torch, much is imported late; here it is done once, and not in each of hundreds of lives."""
    known = set(sys.modules)
    folder.mkdir(parents=True)
    acts = Acts(study(folder))

    def all_acts() -> list[str]:
        for act in ACTS:
            getattr(acts, act)(folder)
        return sorted(set(sys.modules) - known)

    for name in live(all_acts, folder)["result"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _at_each(walk: Walk, points: list[tuple[int, int]], error: int) -> list[str]:
    """What is wrong at any of the points; as many processes share them as there are cores."""
    workers = len(os.sched_getaffinity(0))
    processes = []
    for place in range(workers):
        process = os.fork()
        if process == 0:
            found = [line for way, at in points[place::workers] for line in walk.cut_off(way, at, error)]
            (walk.folder / f"found-{place}.json").write_text(json.dumps(found))
            os._exit(0)
        processes.append(process)
    ended = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    assert ended == [0] * workers, "a walker was lost"
    return [line for place in range(workers) for line in json.loads((walk.folder / f"found-{place}.json").read_text())]


def main(folder: Path, act: str, mode: int, error: int = 0, stride: int = 1) -> None:
    torch.set_num_threads(1)
    code_version()
    sources._LOADED["digits", None, "cpu"] = load("digits", None)
    sources.hardware(torch.device("cpu"))
    teacher._LARGE = 0  # the teacher's answers are kept in a file, as those of large sets are
    _import_what_a_life_imports(folder / "warm")
    walk = Walk(folder, act)
    kinds = walk.kinds
    if mode >= FAIL_ONCE:  # where fsync counts, too
        counted = folder / "counted"
        shutil.copytree(walk.base, counted)
        kinds = live(lambda: getattr(walk.acts, act)(counted), counted, mode, 10**9, error)["kinds"]
    points = [(mode if mode >= FAIL_ONCE else KILL, at) for at in range(1, len(kinds) + 1)]
    if mode == TEAR:
        points += [(TEAR, at) for at, kind in enumerate(kinds, 1) if kind in "wp"]
    points = points[::stride]
    wrong = _at_each(walk, points, error)
    print(json.dumps({"calls": len(kinds), "points": len(points), "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
