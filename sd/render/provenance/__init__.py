"""Where a number comes from: its address, the runs behind it, the formula with its terms, and the query that finds it.

:func:`sd.render.provenance.asked.why` answers for one address, :func:`~sd.render.provenance.asked.why_each` for many at
once with as many queries as for one.
"""
