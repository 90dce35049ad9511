"""How the passes of a run are computed on a device: at which precision, and compiled or not, whichever is faster."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import nn

from sd.durable import write_durably
from sd.plan.recipe import Recipe

Way = Literal["eager", "compiled", "graphs"]
"""``compiled``: ``torch.compile``; ``graphs``: the same with CUDA graphs (``mode="reduce-overhead"``)."""

WORTHWHILE = 600.0
"""Seconds that a run must still take before compiling, which itself takes a minute, is tried."""

AGREEMENT = 0.1
"""Largest difference of the weights' way in a trial from the eager one's, as a fraction of it, that is rounding."""


@dataclass(frozen=True)
class Engine:
    """The precision in use and the way: ``str()`` of it is what is recorded, such as ``bf16 eager``."""

    bf16: bool
    way: Way = "eager"

    def __str__(self) -> str:
        return f"{'bf16' if self.bf16 else 'fp32'} {self.way}"

    @contextmanager
    def autocast(self, device: torch.device) -> Iterator[None]:
        """The context of a forward pass; weights stay float32."""
        with torch.autocast(device.type, torch.bfloat16) if self.bf16 else nullcontext():
            yield

    def begin_step(self) -> None:
        """Said before each step, so that CUDA graphs know which results of the last one may be overwritten."""
        if self.way == "graphs":
            torch.compiler.cudagraph_mark_step_begin()

    def prepare(self, model: nn.Module) -> Callable[..., Any]:
        """The model as it is to be called."""
        if self.way == "eager":
            return model
        return torch.compile(model, mode="reduce-overhead" if self.way == "graphs" else None, dynamic=False)


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 faster than of float32.

    On CPUs that is so with AMX, and with AMD's AVX-512 BF16 (Zen 4 and later); by Intel's, convolutions take twice as
    long (``bench/RESULTS.md``).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported()) or (_is_amd() and bool(torch.cpu._is_avx512_bf16_supported()))


@cache
def _is_amd() -> bool:
    """Whether the processor is AMD's, where Linux tells it."""
    with suppress(OSError):
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text()
    return False


def engine_for(recipe: Recipe, device: torch.device) -> Engine:
    """The precision that the recipe asks for, where the device has it."""
    return Engine(bf16=recipe.precision == "bf16" and has_bf16(device))


@dataclass(frozen=True)
class Trial:
    """A few steps taken one way from the same start: median seconds of one, and the weights' way as one vector."""

    seconds: float
    moved: torch.Tensor


@dataclass(frozen=True)
class Known:
    """What an earlier trial found: the fastest way, and the seconds of an eager step."""

    way: Way
    seconds: float


def fastest(
    engine: Engine, remaining_steps: int, what: str, trial: Callable[[Engine], Trial], *, ways: tuple[Way, ...] = ()
) -> Engine:
    """``engine`` with the way that steps are fastest, found by taking a few each way and kept for the next run.

    A way counts only if it works at all and moves the weights where the eager one moves them. Only runs that will take
    long enough are worth a trial; on a CPU none is, because compiling gains a few percent there (``bench/RESULTS.md``).

    Args:
        what: names all that the answer depends on, the device and torch's version included; under it the answer is
            kept in ``$XDG_CACHE_HOME/sd/ways.json``.
        ways: that are tried against eager.
    """
    if not ways:
        return engine
    known = _known_ways().get(what)
    if known:
        worth = known.seconds * remaining_steps >= WORTHWHILE
        return Engine(engine.bf16, known.way) if worth else engine
    plain = trial(engine)
    best, seconds = engine, plain.seconds
    if plain.seconds * remaining_steps < WORTHWHILE:
        return engine
    for way in ways:
        tried = Engine(engine.bf16, way)
        with suppress(Exception):  # a compiler may fail in any manner, and then this way is not one
            found = trial(tried)
            same = float((found.moved - plain.moved).norm()) <= AGREEMENT * float(plain.moved.norm())
            if same and found.seconds < 0.95 * seconds:
                best, seconds = tried, found.seconds
    _keep_way(what, Known(best.way, plain.seconds))
    return best


def median_seconds(step: Callable[[], object], device: torch.device, repeat: int) -> float:
    """Median wall time of ``step``, the device waited for."""
    seconds = []
    for _ in range(repeat):
        _wait(device)
        started = time.perf_counter()
        step()
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 2]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _ways_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sd" / "ways.json"


def _known_ways() -> dict[str, Known]:
    try:
        kept = json.loads(_ways_file().read_text())
        return {what: Known(way, float(seconds)) for what, (way, seconds) in kept.items() if way in get_args(Way)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _keep_way(what: str, known: Known) -> None:
    kept = {name: (it.way, it.seconds) for name, it in (_known_ways() | {what: known}).items()}
    with suppress(OSError):  # a cache that cannot be written is done without
        write_durably(_ways_file(), json.dumps(kept, indent=1).encode())
