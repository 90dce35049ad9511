"""Facts: records on disk, which are the truth, and the database made from them.

``sd.store.frame("table2")`` is a pandas DataFrame of a table, a view or a named query.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def frame(name: str, db: str | None = None, **parameters: str) -> "pandas.DataFrame":
    """A table, a view or a named query of ``sql/queries`` as a DataFrame.

    Args:
        db: the database, a path or an SQLAlchemy URL; ``None`` is ``SD_DB``, else ``results.db`` here.
        parameters: of the query, such as ``checkpoint="last"``.

    Raises:
        BadInput: there is no such database, table, view or query; or a parameter is wrong.
    """
    import pandas

    from sd.store.database import open_database
    from sd.store.queries import ask

    columns, rows = ask(open_database(db), name, parameters)
    return pandas.DataFrame(rows, columns=columns)
