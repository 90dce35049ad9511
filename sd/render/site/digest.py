"""The digest of a database's content, by which a site says what it was made from; a date would differ each time."""

import hashlib

from sd.store.database import Database

_CONTENT = (
    "SELECT cell_key, sha256 FROM records ORDER BY cell_key, sha256",
    "SELECT cell_key, checkpoint, sha256 FROM checkpoints ORDER BY cell_key, checkpoint",
    "SELECT cell_key, checkpoint, split, top1, loss FROM evaluations ORDER BY cell_key, checkpoint, split",
    "SELECT cell_key, measure_key, checkpoint, split, trace, lambda_max FROM curvature"
    " ORDER BY cell_key, measure_key, checkpoint, split",
    "SELECT id, cell_key, status, ended_at FROM attempts ORDER BY id",
    "SELECT name, value FROM meta ORDER BY name",
)


def content_digest(database: Database) -> str:
    """SHA-256 over the records that a database was made from, its checkpoints, scores, curvature and attempts.

    Whatever else it holds comes from the same records, or from the views and published numbers that ``meta`` names.
    """
    digest = hashlib.sha256()
    for query in _CONTENT:
        for row in database.rows(query):
            digest.update(repr(tuple(row.values())).encode())
    return digest.hexdigest()
