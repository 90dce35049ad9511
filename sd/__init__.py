"""sd reproduces, audits and extends *Revisiting Self-Distillation*: a grid file becomes a table of measured results."""

from pathlib import Path

__version__ = "0.1.0"


class BadInput(Exception):
    """What a user gave cannot be used; the text is one line per mistake that says what, where and what would be right.

    Every verb prints the text and ends with exit code 2, with nothing done.
    """


def resource(*parts: str) -> Path:
    """Path of a file or folder that ships beside the code: ``resource("sql", "views")``.

    In a checkout these are the top-level folders ``sql/``, ``templates/`` and ``jobs/``; a wheel carries copies of
    them inside the package.
    """
    package = Path(__file__).resolve().parent
    inside = package / "_resources"
    return (inside if inside.is_dir() else package.parent).joinpath(*parts)
