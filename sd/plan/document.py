"""A YAML document that remembers on which line each of its values stands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sd import BadInput

Place = tuple[str | int, ...]

_MAX_BYTES = 10_000_000
_MAX_VALUES = 200_000

# The tags of keys that are words, or the merge key <<.
_WORDS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


@dataclass(frozen=True)
class Document:
    """The plain data of a YAML file (dicts, lists, scalars) and the line of each key and item."""

    path: Path
    data: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Line number (from 1) of the value at ``place``, or of the nearest thing around it."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


class _Loader(yaml.SafeLoader):
    """A safe loader that knows the line of the value that it is making."""

    line = 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        self.line = node.start_mark.line + 1
        return super().construct_object(node, deep=deep)


def one_line(text: str) -> str:
    """Text from a file as it can stand in a message: line breaks and other signs that do not print are escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        BadInput: the file is missing, a directory, unreadable, not UTF-8, not YAML, not a mapping, or has a key twice.
    """
    try:
        if path.is_dir():
            raise BadInput(f"{path}: is a directory; give a grid file such as {path / 'grid.yaml'}")
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"{path}: is larger than {_MAX_BYTES // 1_000_000} MB; a grid is a short YAML file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; give the path of a grid file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text; a grid is a YAML file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{path}:1: is not YAML: {one_line(str(error).partition(chr(10))[0])}") from None
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise BadInput(f"{path}:1: is not a mapping; a grid begins with name: …")
        lines: dict[Place, int] = {(): 1}
        _walk(path, node, (), lines)
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadInput(f"{path}:{line}: is not YAML: {one_line(error.problem or error.context or '')}") from None
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = one_line(str(error).partition("\n")[0]) or "nested too deep"
        raise BadInput(f"{path}:{loader.line}: is not YAML: {reason}") from None
    finally:
        loader.dispose()
    return Document(path, data, lines)


def _walk(path: Path, node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    """Note the line of every key and item below ``node``; refuse a key that is there twice."""
    if len(lines) > _MAX_VALUES:
        raise BadInput(f"{path}: holds more than {_MAX_VALUES:,} values; write lists, which multiply, instead of cells")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _WORDS:
                raise BadInput(f"{path}:{line}: a key must be a plain word")
            inside = (*place, key.value)
            if inside in lines:
                twice = f"{one_line(key.value)}: is given twice (first on line {lines[inside]}); keep one"
                raise BadInput(f"{path}:{line}: {twice}")
            lines[inside] = line
            _walk(path, value, inside, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*place, index)] = item.start_mark.line + 1
            _walk(path, item, (*place, index), lines)
