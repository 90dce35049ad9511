"""Where users' own modules lie (``module:function`` in a grid), so that workers and jobs find them, too."""

import sys
import sysconfig
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from sd.plan.catalogue import is_own


def import_from_beside(grids: Iterable[Path]) -> None:
    """Let modules that lie beside a grid file be imported, here and in the worker processes of this one.

    Those of the current folder can be already, and come first.
    """
    for folder in dict.fromkeys(str(grid.resolve().parent) for grid in grids):
        if folder not in sys.path:
            sys.path.append(folder)


def folders_of(names: Iterable[str]) -> list[Path]:
    """The folders in which the modules of a user's own names are found, those that Python itself looks in left out.

    Nothing is imported, and a module that is not found has no folder.
    """
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    folders: dict[Path, None] = {}
    for module in sorted({name.partition(":")[0].partition(".")[0] for name in names if is_own(name)}):
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):  # a module that Python made itself, such as __main__, has no place
            continue
        inside = [spec.origin] if spec and spec.has_location and spec.origin else []
        for place in (spec.submodule_search_locations if spec else None) or inside:
            folder = Path(place).resolve().parent
            if folder not in installed:
                folders[folder] = None
    return list(folders)
