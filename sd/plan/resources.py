"""What a cluster is asked for, and a site's profile: logistics, never part of a cell's key."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from sd import BadInput
from sd.plan.catalogue import ARCHITECTURES, architecture, nearest
from sd.plan.document import Document, read_document
from sd.plan.mistakes import Mistake, report, validation_mistakes
from sd.plan.number import no_switch

# Seconds before the time limit at which SLURM signals a job, so that it can save its state and requeue itself.
SIGNAL_LEAD = 120

# A job must have this many seconds left for work before that signal.
LEAST_WORK = 60

# sbatch options that sd sets itself, or that have a key of their own.
_OWN = {
    **dict.fromkeys(["array", "dependency", "comment", "job-name", "kill-on-invalid-dep", "requeue", "no-requeue"]),
    **dict.fromkeys(["output", "error", "open-mode", "signal", "parsable", "wait", "ntasks", "nodes", "chdir", "wrap"]),
    **dict.fromkeys(["ntasks-per-node", "clusters", "test-only", "quiet", "verbose", "help", "usage", "version"]),
    "gpus": "gpus",
    "gpus-per-node": "gpus",
    "cpus-per-task": "cpus",
    "mem": "memory_gb",
    "time": "hours",
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "constraint": "constraint",
}

# sbatch options that name files, or set what a job's programs are: a profile, which is the user's own, may give them.
BEYOND_A_GRID = ("bb", "bbf", "container", "export", "get-user-env", "gid", "input", "propagate", "uid")

_Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s'\"\\$`;]+$")]


class Resources(BaseModel):
    """What each job of some cells asks for.

    Attributes:
        gpus: GPUs of a job; 0 runs on the CPU. A cell uses one.
        cpus: CPUs of a job.
        memory_gb: memory of a job in GiB; SLURM's own default where it is not given.
        hours: time limit; a job that reaches it saves its state and is queued again. SLURM's default if not given.
        pack: cells that share a job, and its GPU, at a time, each in a process of its own.
        sbatch: any further option of sbatch, by its long name; ``true`` for one without a value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: int | None = Field(default=None, ge=0, le=64)
    cpus: int | None = Field(default=None, gt=0, le=4096)
    memory_gb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    hours: float | None = Field(default=None, gt=0, le=24 * 365, allow_inf_nan=False)
    pack: int | None = Field(default=None, gt=0, le=1000)
    partition: _Word | None = None
    account: _Word | None = None
    qos: _Word | None = None
    constraint: Annotated[str, Field(min_length=1, pattern=r"^[^\s'\"\\$`;]+$")] | None = None
    sbatch: dict[str, str | int | float | bool] = {}

    _numbers = field_validator("gpus", "cpus", "memory_gb", "hours", "pack", mode="before")(no_switch)

    @field_validator("hours")
    @classmethod
    def _long_enough(cls, hours: float | None) -> float | None:
        if hours is not None and hours * 3600 < SIGNAL_LEAD + LEAST_WORK:
            least = (SIGNAL_LEAD + LEAST_WORK) / 3600
            raise PydanticCustomError(
                "needs",
                "is too short: a job is asked to save its state {lead} s before its limit; give at least {least}",
                {"lead": SIGNAL_LEAD, "least": f"{least:g}"},
            )
        return hours

    @field_validator("sbatch")
    @classmethod
    def _not_our_own(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name, value in options.items():
            plain = name.lstrip("-").replace("_", "-")
            own = plain if plain in _OWN else next((own for own in _OWN if plain and own.startswith(plain)), None)
            if own:  # sbatch also takes the beginning of a name
                hint = f"give it as {_OWN[own]}" if _OWN[own] else "sd sets it itself"
                raise PydanticCustomError("needs", "{name} cannot be given here; {hint}", {"name": name, "hint": hint})
            if name != plain or not re.fullmatch(r"[a-z][a-z0-9-]*", plain):
                known = {"name": name, "plain": plain}
                raise PydanticCustomError("needs", "{name} is no long option of sbatch; write it as {plain}", known)
            if value is False or (isinstance(value, str) and not value.isprintable()):
                raise PydanticCustomError("needs", "{name} needs a value, or true", {"name": name})
        return options

    def over(self, below: "Resources") -> "Resources":
        """These resources and, where they say nothing, those of ``below``."""
        given = {name: value for name, value in self if value is not None}
        under = {name: value for name, value in below if value is not None}
        return Resources(**{**under, **given, "sbatch": {**below.sbatch, **self.sbatch}})


NOTHING_ASKED = Resources()


def layered(*layers: Resources) -> Resources:
    """Resources put together: what a later layer says wins over an earlier one."""
    result = NOTHING_ASKED
    for layer in layers:
        result = layer.over(result)
    return result


DEFAULTS = Resources(gpus=1, cpus=2, pack=1)
"""What a job asks for where neither the grid nor the profile nor the command line says otherwise."""

ByArchitecture = dict[str, Resources]
"""Resources under ``default`` and under the names of single architectures."""


def resources_for(arch: str, *sources: ByArchitecture) -> Resources:
    """What an architecture gets: of each source its default and then its own entry, later sources over earlier ones."""
    layers = (source[name] for source in sources for name in ("default", arch) if name in source)
    return layered(*layers)


def unknown_architectures(document: Document, resources: Iterable[str]) -> list[Mistake]:
    """A mistake for each name under ``resources`` that is no architecture."""
    mistakes = []
    for name in resources:
        try:
            known = name == "default" or architecture(name)
        except BadInput:
            known = None
        if not known:
            hint = f"{nearest(name, ['default', *ARCHITECTURES])}; or timm:NAME, or module:function of your own"
            mistakes.append((document.line(("resources", name)), f"resources: {name!r} is not an architecture; {hint}"))
    return mistakes


def beyond_a_grid(document: Document, resources: ByArchitecture) -> list[Mistake]:
    """A mistake for each option of sbatch that a grid, which may be a stranger's, cannot give."""
    return [
        (
            document.line(("resources", name, "sbatch", option)),
            f"resources.{name}.sbatch: {option} could run other programs in a job or name files beyond the run; "
            "give it in a profile (--profile)",
        )
        for name, asked in resources.items()
        for option in asked.sbatch
        if any(option.startswith(own) or own.startswith(option) for own in BEYOND_A_GRID)
    ]


def _lines(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _ProfileFile(BaseModel):
    """The top level of a profile file."""

    model_config = ConfigDict(extra="forbid")

    python: _Word | None = None
    setup: Annotated[list[str], BeforeValidator(_lines)] = []
    scratch: Annotated[str, Field(min_length=1)] | None = None
    environment: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str | int | float] = {}
    resources: ByArchitecture = {}


@dataclass(frozen=True)
class Profile:
    """A cluster's own ways, so that grids stay free of them.

    Attributes:
        python: the interpreter on the compute nodes; ``None``: the one that launches.
        setup: shell lines that a job begins with, such as ``module load cuda``.
        scratch: a folder that all nodes see; runs and data sets are kept there unless said otherwise.
        environment: variables that a job begins with.
        resources: the site's partition, account and so on, for ``default`` and for single architectures.
    """

    python: str | None = None
    setup: tuple[str, ...] = ()
    scratch: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()
    resources: tuple[tuple[str, Resources], ...] = ()


def read_profile(path: Path | None) -> Profile:
    """The profile in a YAML file; ``None`` is the file that ``SD_PROFILE`` names, or no profile.

    Raises:
        BadInput: one line for each mistake, ``file:line: key: value, and what would be right``.
    """
    if path is None:
        named = os.environ.get("SD_PROFILE")
        if not named:
            return Profile()
        path = Path(named)
    document = read_document(path)
    try:
        file = _ProfileFile.model_validate(document.data)
    except ValidationError as error:
        raise BadInput(report(document, validation_mistakes(document, error, (), _fields_at))) from None
    mistakes = unknown_architectures(document, file.resources)
    for index, line in enumerate(file.setup):
        if not line.isprintable():
            mistakes.append((document.line(("setup", index)), "setup: each line of shell is an item of its own"))
    scratch = Path(os.path.expandvars(file.scratch)).expanduser() if file.scratch else None
    if scratch and "$" in str(scratch):
        mistakes.append((document.line(("scratch",)), f"scratch: {scratch} names a variable that is not set"))
    if mistakes:
        raise BadInput(report(document, mistakes))
    environment = tuple((name, str(value)) for name, value in file.environment.items())
    return Profile(file.python, tuple(file.setup), scratch, environment, tuple(file.resources.items()))


def _fields_at(where: list[str]) -> list[str]:
    return list((Resources if where[0] == "resources" and len(where) > 1 else _ProfileFile).model_fields)
