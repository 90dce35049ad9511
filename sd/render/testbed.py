"""What a testbed is told as: how many models, how many standard ones, and the line through these."""

from collections.abc import Iterator, Sequence

from sd.store.testbed import ModelOfTestbed


def told(models: Sequence[ModelOfTestbed]) -> Iterator[str]:
    """A line for each testbed: ``imagenet_v2: 335 models, 85 standard; line: slope 0.923, intercept -0.498 …``."""
    from sd.render.claims.robustness import Line  # slow to import: scipy

    for testbed in sorted({it.testbed for it in models}):
        here = [it for it in models if it.testbed == testbed]
        standard = [it for it in here if it.family == "standard"]
        line = ""
        if len(standard) > 2:
            fit = Line.through([it.id_top1 for it in standard], [it.ood_top1 for it in standard])
            line = f"; line: slope {fit.slope:.3f}, intercept {fit.intercept:.3f} (logits), R² {fit.r_squared:.3f}"
        yield f"{testbed}: {len(here):,} models, {len(standard):,} standard{line}"
