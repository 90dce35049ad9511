"""A copy of the code as it was submitted, so that editing the checkout changes no job in the queue."""

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path

import sd
from sd import resource
from sd.durable import sync_folder
from sd.store.attempt import SNAPSHOT_NOTE, code_version


def snapshot(root: Path) -> Path:
    """Copy the running code to ``root/code/HASH`` unless it is there; returns that folder, to be put on PYTHONPATH.

    The copy notes the git commit and whether the tree was clean, which every record of its jobs then holds.
    """
    package = Path(sd.__file__).resolve().parent
    beside = [] if (package / "_resources").is_dir() else [resource("sql"), resource("templates")]
    files = {
        path: path.relative_to(folder.parent)
        for folder in (package, *beside)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    commit, clean = code_version()
    note = json.dumps({"commit": commit, "clean": clean})
    digest = hashlib.sha256(note.encode())
    for path, name in files.items():
        digest.update(f"\0{name}\0".encode() + path.read_bytes())
    target = root / "code" / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    for path, name in files.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, draft / name)
    (draft / package.name / SNAPSHOT_NOTE).write_text(note)
    try:
        os.rename(draft, target)  # noqa: PTH104  # a folder that is there already is an error here, as it should be
    except OSError:
        shutil.rmtree(draft)
        if not target.is_dir():
            raise
    sync_folder(target.parent)
    return target
