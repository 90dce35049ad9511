"""A figure's caption: what is shown, from which runs, at which checkpoint, how many of them, what the bars are."""

from collections import Counter
from collections.abc import Sequence

from sd.render.claims.study import Row
from sd.render.figures.catalogue import Entry
from sd.render.figures.panels import lettered
from sd.render.figures.selection import Selection, Shown, model_order
from sd.render.figures.style import short
from sd.render.figures.subject import AUGMENTED, Subject, arch_title, tidy
from sd.render.formats import rendered
from sd.render.words import counted

STANDS_IN = "NOT THE PAPER’S STUDY"
"""How a caption begins its remark that another study is shown than the paper's."""

CHECKPOINTS = {
    "best_test": "at checkpoint best_test, the epoch of the highest test accuracy (the paper’s rule, which selects on "
    "the test set)",
    "best_val": "at checkpoint best_val, the epoch of the highest accuracy on a held-out part of the training set",
    "last": "at checkpoint last, the final epoch",
}


def caption(entry: Entry, selection: Selection | None, **facts: object) -> str:
    """The caption of ``templates/captions/PAINTER.txt.jinja``, as one paragraph of plain text.

    Args:
        selection: what is shown; ``None`` for what is drawn without data.
        facts: what the painter has to say about it.
    """
    values: dict[str, object] = {"entry": entry, **facts}
    if selection:
        values |= {
            "panels": selection.panels,
            "notice": notice(selection),
            "runs": [f"{letter}{runs(panel)}" for letter, panel in _named(entry, selection)],
            "checkpoint": CHECKPOINTS[selection.checkpoint],
            "images": images(selection.rows),
            "unconverged": unconverged(selection.rows),
            "measurements": len(_measurements(selection.rows)),
            "missing": missing(selection),
            "alphas": sorted({panel.alpha for panel in selection.panels if panel.alpha is not None}),
        }
    return " ".join(rendered(f"captions/{entry.painter}.txt.jinja", **values).split())


def _named(entry: Entry, selection: Selection) -> list[tuple[str, Shown]]:
    """What is shown, with the letters of its panels; Figure 9 has two for all of it."""
    panels = lettered(selection)
    return [("", panel) for _, panel in panels] if entry.painter == "robustness" else panels


def notice(selection: Selection) -> str:
    """That this is not the paper's study, where it is not."""
    if selection.own:
        return ""
    why = "as asked for" if selection.picked else "of which the database holds no such runs"
    return f"{STANDS_IN} ({selection.entry.papers}, {papers_way(selection.entry)}), {why}."


def papers_way(entry: Entry) -> str:
    """``crop and flip or AutoAugment and Cutout, the paper’s protocol``."""
    augs = " or ".join(dict.fromkeys(AUGMENTED.get(aug, aug) for _, aug in entry.shown))
    return f"{augs}, {Subject(entry.study, '', '').protocol}"


def runs(panel: Shown) -> str:
    """``ResNet18 on CIFAR-10, crop and flip, the paper’s protocol: n = 3 seeds``."""
    counts = Counter((row["model"], row["alpha"], row["seed"]) for row in panel.rows)
    seeds = Counter((model, alpha) for model, alpha, _ in counts)
    few, many = min(seeds.values()), max(seeds.values())
    return f"{panel.subject.name}: n = {f'{few} to ' if few < many else ''}{counted(many, 'seed')}"


def unconverged(rows: Sequence[Row]) -> int:
    """How many measurements are marked as not converged."""
    return len(_measurements([row for row in rows if row.get("converged") in (0, False)]))


def _measurements(rows: Sequence[Row]) -> set[tuple[str, str]]:
    return {(row["key"], row["split"]) for row in rows if row.get("key") and row.get("split")}


def images(rows: Sequence[Row]) -> str:
    """``200 train images``; nothing where no row says."""
    said = {(row["n_samples"], row["split"]) for row in rows if row.get("n_samples") and row.get("split")}
    return " and ".join(f"{number:,} {split} images" for number, split in sorted(said))


def missing(selection: Selection) -> str:
    """What the paper's figure has and this one has not: models, and of its own study α and rows of panels."""
    entry = selection.entry
    lines = []
    for panel in selection.panels:
        absent = [short(model) for model in _expected(entry, panel) if model not in panel.models]
        if absent:
            lines.append(
                f"{', '.join(absent)} ({panel.subject.title})" if len(selection.panels) > 1 else ", ".join(absent)
            )
    if selection.own and not selection.picked:
        there = {(panel.subject.arch, panel.subject.aug) for panel in selection.panels}
        lines += [f"{arch_title(arch)} with {AUGMENTED[aug]}" for arch, aug in entry.shown if (arch, aug) not in there]
    return "; ".join(lines)


def _expected(entry: Entry, panel: Shown) -> list[str]:
    wanted = {"curves": ["T", "R1", "R2", "R3", "SAM"], "spectrum": ["T", "R1", "R2", "R3", "SAM"]}
    wanted |= {"ecdf": wanted["curves"], "fidelity": ["R1", "R2", "R3"], "ban": ["T"], "teachers": ["T"]}
    wanted |= {painter: ["T", "R1", "R2"] for painter in ("contour", "heat", "surface")}
    return sorted(wanted.get(entry.painter, []), key=model_order)


def nothing(entry: Entry, shown: str, checkpoint: str, elsewhere: Sequence[str], *, grid: bool) -> str:
    """What is missing for a figure, and the command that makes it.

    Args:
        shown: the database's name.
        elsewhere: checkpoints at which there is data.
        grid: whether the cells of a user's grid were asked for, rather than all.
    """
    where = "of the grid’s cells " if grid else ""
    there = f" (there are at {', '.join(elsewhere)}: --checkpoint shows them)" if elsewhere else ""
    make = (
        f"let it ask for {{{entry.asks}}} and run python -m sd.launch GRID"
        if grid
        else (f"the paper’s are made by: python -m sd.launch {entry.grid}; others by a grid with {{{entry.asks}}}")
    )
    return (
        f"Figure {entry.number}: {tidy(shown)} holds no {entry.facts} {where}at checkpoint {checkpoint}{there}; {make}"
    )
