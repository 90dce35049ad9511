"""The bundle for an artefact evaluation: everything that was found, what it was found with, and how to make it again.

:func:`sd.render.bundle.archive.write_bundle` writes it.
"""
