"""Which database is meant: a path or a URL, and how it is named without its password."""

import os
import re
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sd import BadInput

DEFAULT_DB = "results.db"

# Words of a URL's query that are secret: libpq takes password=, passfile=, sslpassword= and the like there, too.
_SECRET = re.compile(r"pass|secret|token", re.IGNORECASE)

_HIDDEN = "***"

# A URL whose // was forgotten: it is no path, and may hold a password.
_CUT_SHORT = re.compile(r"(postgres|postgresql|mysql|mariadb|mssql|oracle|sqlite)(\+\w+)?:(?!//)", re.IGNORECASE)

_FORM = "the form is SCHEME://USER:PASSWORD@HOST:PORT/NAME, where / @ : % in a password are written %2F %40 %3A %25"


def read_target(target: str | None) -> sa.URL:
    """The database at a path or SQLAlchemy URL; ``None`` is ``SD_DB``, else ``results.db`` here.

    Raises:
        BadInput: it is neither, or a server that sd does not know.
    """
    target = target or os.environ.get("SD_DB") or DEFAULT_DB
    scheme, is_url, _ = target.partition("://")
    if cut := _CUT_SHORT.match(target):
        raise BadInput(f"--db: {cut[0]}… is neither a path nor a database URL; {_FORM}")
    if not is_url:
        return sa.URL.create("sqlite", database=target)
    try:
        url = make_url(target)
        url.port, url.get_backend_name()
        if "@" in (url.host or ""):
            raise ValueError("a part of the password would be taken for the host's name")
    except (ArgumentError, ValueError):
        raise BadInput(f"--db: {scheme}://… is neither a path nor a database URL; {_FORM}") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise BadInput(f"--db: {scheme}://… is a server that sd does not know; give a path, or postgresql+psycopg://…")
    return url


def is_file(url: sa.URL) -> bool:
    """Whether the database is an SQLite file, rather than a server or memory."""
    return url.get_backend_name() == "sqlite" and bool(url.database) and url.database != ":memory:"


def named(url: sa.URL) -> str:
    """The database's path, or its URL without what is secret in it."""
    if url.get_backend_name() == "sqlite":
        return url.database or "memory"
    query = {name: _HIDDEN if _SECRET.search(name) else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def secrets_of(url: sa.URL) -> list[str]:
    """What of a URL is to be shown and written nowhere."""
    found = [str(url.password)] if url.password else []
    for name, value in url.query.items():
        if _SECRET.search(name):
            found += [value] if isinstance(value, str) else value
    return [secret for secret in found if secret]


def without_secrets(text: str, url: sa.URL) -> str:
    """A text, such as a driver's complaint, without what is secret in the URL."""
    for secret in secrets_of(url):
        text = text.replace(secret, _HIDDEN)
    return text


def command_without_secrets(words: list[str]) -> list[str]:
    """A command line that can be written down: database URLs in it are named without their passwords."""
    return [_shown_word(word) for word in words]


def _shown_word(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if cut := _CUT_SHORT.match(value):
        return f"{option}{equals}{cut[0]}{_HIDDEN}"
    if "://" not in value:
        return word
    try:
        return f"{option}{equals}{named(read_target(value))}"
    except BadInput:
        return f"{option}{equals}{value.partition('://')[0]}://{_HIDDEN}"


def database_file(target: str | None) -> Path | None:
    """The SQLite file that ``target`` means (see :func:`read_target`); ``None`` if it is no file."""
    url = read_target(target)
    return Path(url.database) if is_file(url) and url.database else None


def absolute_target(target: str | None) -> str | None:
    """The same database for a program that runs in another folder: an absolute path, or a URL.

    ``None``, so that it asks ``SD_DB``, for a URL with a password, which is to stand in no file.
    """
    target = target or os.environ.get("SD_DB") or DEFAULT_DB
    url = read_target(target)
    if is_file(url) and url.database:
        there = str(Path(url.database).absolute())
        return url.set(database=there).render_as_string() if "://" in target else there
    return None if secrets_of(url) else target
