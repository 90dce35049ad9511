"""Numbers in a grid's tables: ``digits:ResNet8:Digits:none:noise=0.3:0.5:R1:trace``, written and read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sd import BadInput
from sd.plan.catalogue import AUGMENTATIONS, architecture, dataset, nearest
from sd.render.address import CHECKPOINTS, at_checkpoint, split_checkpoint
from sd.render.layout import Study, model_title
from sd.render.provenance.metric import METRICS

_SHORT = {"aa_cutout": "aug"}

# Addresses that begin so are of the paper's tables, and of other things.
_TAKEN = re.compile(r"table\d+|claim|figure|[0-9a-f]{16}", re.IGNORECASE)

_OTHER_NAMES = {
    **dict.fromkeys(("accuracy", "acc", "top1", "test accuracy"), "test_acc"),
    **dict.fromkeys(("λmax", "λ_max", "λ max", "lambda max"), "lambda_max"),
    "s.e.": "trace_stderr",
    "relative trace": "relative_trace",
    **dict.fromkeys(("loss", "cross-entropy"), "nll"),
    "mse, centred": "mse_centred",
    **dict.fromkeys(("kl at τ", "kl at tau"), "kl_tau"),
    **{word: f"{word}_top1" for word in ("clean", "corrupted", "blur", "digital")},
    "gap − teacher's": "gap_to_teacher",
    "error, % of teacher's": "relative_error",
}


@dataclass(frozen=True)
class GridAddress:
    """Where a number stands in a grid's tables.

    Attributes:
        grid: its name.
        model: a column of the accuracy table: ``T``, ``R1``, ``SAM``, ``E3`` …
        split, measure_key: of what a measure found; empty: the one that there is.
    """

    grid: str
    study: Study
    model: str
    metric: str = "test_acc"
    split: str = ""
    measure_key: str = ""
    checkpoint: str = "best_test"

    def __str__(self) -> str:
        """Every part that tells the study from others, whether or not this grid has others."""
        it = self.study
        name = f"jobs/{self.grid}.yaml" if _TAKEN.fullmatch(self.grid) else self.grid
        parts = [name, architecture(it.arch).title, dataset(it.dataset).title, _SHORT.get(it.aug, it.aug)]
        parts += [f"{name}={text}" for name, text in _told(it).items() if text]
        parts += [f"{it.alpha:g}"] if it.alpha is not None and self.model not in {"T", "SAM", "ZS"} else []
        parts += [self.model]
        parts += [self.metric] if self.metric != "test_acc" else []
        parts += [part for part in (self.split, self.measure_key) if part]
        return at_checkpoint(":".join(parts), self.checkpoint)


def _told(study: Study) -> dict[str, str]:
    """What tells a study from others, by the names that addresses have for it; empty where it is the usual."""
    return {
        "noise": f"{study.label_noise:g}" if study.label_noise else "",
        "protocol": study.protocol,
        "tau": f"{study.tau:g}" if study.tau not in (None, 4.0) else "",
        "at": study.teacher_checkpoint if study.teacher_checkpoint not in (None, "best_test") else "",
        "by": study.teacher or "",
        "method": study.method or "",
    }


def read_grid_address(text: str, grid: str, rest: str, places: Sequence[tuple[Study, str]]) -> GridAddress:
    """The address of a number in a grid's tables.

    After the grid's name stand architecture, data set and augmentation, and then, in any order, whatever tells the
    place from others: α, the model, a metric, ``noise=``, a protocol, ``tau=`` …

    Args:
        rest: what stands behind the grid's name.
        places: every study and model of the grid.

    Raises:
        BadInput: a part does not fit, or several places do; the line names the part and what would fit.
    """
    place, checkpoint = split_checkpoint(rest)
    if checkpoint and checkpoint not in CHECKPOINTS:
        raise BadInput(f"{text!r}: {checkpoint!r} is not a checkpoint; {nearest(checkpoint, CHECKPOINTS)}")
    reading = _Reading(text, place, list(places))
    reading.take("architecture", lambda it: (it.arch, architecture(it.arch).title))
    reading.take("data set", lambda it: (it.dataset, dataset(it.dataset).title))
    reading.take("augmentation", lambda it: (it.aug, AUGMENTATIONS[it.aug], _SHORT.get(it.aug, it.aug)), optional=True)
    while reading.rest:
        reading.take_any()
    study, model = reading.only()
    found = reading.found
    return GridAddress(
        grid,
        study,
        model,
        found.get("metric", "test_acc"),
        found.get("split", ""),
        found.get("measure", ""),
        checkpoint or "best_test",
    )


class _Reading:
    """The parts of an address, each of which leaves fewer places."""

    def __init__(self, text: str, rest: str, places: list[tuple[Study, str]]) -> None:
        self.text, self.rest, self.places = text, rest.strip(), places
        self.found: dict[str, str] = {}

    def take(self, kind: str, names: Callable[[Study], Sequence[str]], *, optional: bool = False) -> None:
        """Take a part that is one of the names that the places left have; a name may hold a colon."""
        known = {name.casefold(): name for study, _ in self.places for name in names(study)}
        fits = [name for name in known if self.rest.casefold() == name or self.rest.casefold().startswith(f"{name}:")]
        if not fits and optional:
            return
        if not fits:
            given = self.rest.partition(":")[0]
            titles = dict.fromkeys(names(study)[-1] for study, _ in self.places)
            raise BadInput(f"{self.text!r}: {given!r} is no {kind} of this grid; {nearest(given, titles)}")
        name = max(fits, key=len)
        self.rest = self.rest[len(name) :].removeprefix(":").strip()
        self.places = [p for p in self.places if name in {other.casefold() for other in names(p[0])}]

    def take_any(self) -> None:
        """Take whatever comes next: a protocol, which may hold a colon, or the part up to the next one."""
        for protocol in sorted({study.protocol for study, _ in self.places}, key=len, reverse=True):
            for name in (f"protocol={protocol}", protocol):
                if self.rest == name or self.rest.startswith(f"{name}:"):
                    self.rest = self.rest[len(name) :].removeprefix(":").strip()
                    self.places = [p for p in self.places if p[0].protocol == protocol]
                    return
        part, _, self.rest = (piece.strip() for piece in self.rest.partition(":"))
        if self._is_of_metric(part):
            return
        fitting = self._fitting(part)
        if not fitting:
            raise BadInput(f"{self.text!r}: {part!r} fits nothing there; {nearest(part, self._known())}")
        self.places = fitting

    def _is_of_metric(self, part: str) -> bool:
        plain = _OTHER_NAMES.get(part.casefold(), part.casefold())
        if plain in METRICS:
            self.found["metric"] = plain
        elif plain in {"train", "test"}:
            self.found["split"] = plain
        elif re.fullmatch(r"[0-9a-f]{8}", plain):
            self.found["measure"] = plain
        else:
            return False
        return True

    def _fitting(self, part: str) -> list[tuple[Study, str]]:
        """The places that a part is of; α belongs to students alone, and a row of a table shares its teacher."""
        name, equals, value = (piece.strip().casefold() for piece in part.partition("="))
        if equals:
            name = _NAMES.get(name, name)
            return self._with_alpha(value) if name == "alpha" else [p for p in self.places if _is(p[0], name, value)]
        models = [p for p in self.places if name in {p[1].casefold(), model_title(p[1]).casefold()}]
        percent = [p for p in self.places if name == f"{p[0].label_noise:.0%}"]
        words = [p for p in self.places if name in {text.casefold() for text in _told(p[0]).values() if text}]
        return models or percent or self._with_alpha(name) or words

    def _with_alpha(self, value: str) -> list[tuple[Study, str]]:
        """Those of an α, and those who have none: a row of a table shows T and SAM beside its students."""
        if not any(_is(study, "alpha", value) for study, _ in self.places):
            return []
        return [p for p in self.places if p[0].alpha is None or _is(p[0], "alpha", value)]

    def _known(self) -> list[str]:
        models = [model for _, model in self.places]
        alphas = [f"{study.alpha:g}" for study, _ in self.places if study.alpha is not None]
        told = [f"{name}={text}" for study, _ in self.places for name, text in _told(study).items() if text]
        return list(dict.fromkeys([*models, *alphas, *told, *METRICS]))

    def only(self) -> tuple[Study, str]:
        """The one place that is left; of several studies the most usual one."""
        if not self.places:
            raise BadInput(f"{self.text!r}: no place of this grid has all of these together")
        models = list(dict.fromkeys(model for _, model in self.places))
        if len(models) > 1:
            raise BadInput(f"{self.text!r}: does not say which model; add one of: {', '.join(models)}")
        fewest = min(_unusual(study) for study, _ in self.places)
        plain = [place for place in self.places if _unusual(place[0]) == fewest]
        if len(plain) == 1:
            return plain[0]
        apart = {name: sorted({_all(study)[name] or "none" for study, _ in plain}) for name in _all(plain[0][0])}
        said = "; ".join(f"{name}={' or '.join(values)}" for name, values in apart.items() if len(values) > 1)
        raise BadInput(f"{self.text!r}: fits several places; say {said}")


_NAMES = {"α": "alpha", "τ": "tau", "label noise": "noise", "recipe": "protocol", "taught by": "by", "taught at": "at"}


def _all(study: Study) -> dict[str, str]:
    return {**_told(study), "alpha": f"{study.alpha:g}" if study.alpha is not None else "none", "aug": study.aug}


def _unusual(study: Study) -> int:
    """How many things are not as usual."""
    return sum(bool(text) for name, text in _told(study).items() if name != "protocol")


def _is(study: Study, name: str, value: str) -> bool:
    """Whether a study has that value, numbers as numbers."""
    numbers = {"alpha": study.alpha, "noise": study.label_noise, "tau": study.tau}
    if name in numbers:
        try:
            number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            return False
        return numbers[name] == number
    return _told(study).get(name, "").casefold() == value
