"""The paper's sixteen figures, drawn from the database: :func:`sd.render.figures.drawing.draw` is the way in.

Importing ``sd.render.figures.catalogue`` is quick; matplotlib is imported by ``drawing`` and the painters beside it.
"""
