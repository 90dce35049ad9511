"""How every figure looks: one style, colours and marks that also tell apart in grey, and the same bytes twice."""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

COLUMN, PAGE = 3.4, 7.0
"""Width in inches of one column of a paper, and of two."""

# Colours of Paul Tol's scheme "high contrast", whose lightness differs as its hues do, black, and greys.
BLACK, BLUE, RED, YELLOW, GREY, PALE = "#000000", "#004488", "#BB5566", "#DDAA33", "#777777", "#BBBBBB"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.2,
    "errorbar.capsize": 1.8,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "text.parse_math": False,  # a $ in a name is a $
    "svg.hashsalt": "sd",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "axes.unicode_minus": True,
}

# Dates and programs would make the bytes of two runs differ.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}

_MARKS: list[tuple[str, str, Any]] = [
    (BLUE, "o", "-"),
    (RED, "s", (0, (5, 1.5))),
    (YELLOW, "^", (0, (4, 1.2, 1, 1.2))),
    (GREY, "D", (0, (1.5, 1))),
    ("#117733", "v", (0, (7, 1.5, 1, 1.5, 1, 1.5))),
    ("#88CCEE", "P", "-"),
]

_OF_ALPHA = {0.2: 0, 0.5: 1, 0.8: 2, 0.0: 3, 1.0: 4}

_OF_MODEL: dict[str, tuple[str, str, Any]] = {
    "T": (BLACK, "o", "-"),
    "R1": (BLUE, "s", (0, (5, 1.5))),
    "R2": (RED, "^", (0, (4, 1.2, 1, 1.2))),
    "R3": (YELLOW, "v", (0, (7, 1.5, 1, 1.5, 1, 1.5))),
    "SAM": (GREY, "D", (0, (1.5, 1))),
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib as we want it, whatever a user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in _STYLE.items():
            matplotlib.rcParams[name] = value
        yield


def laid_out(figure: Figure) -> Figure:
    """The figure with everything where it stays: laid out again for each file, it would move by a hair each time."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def saved(figure: Figure, format_: str) -> bytes:
    """The figure as ``png``, ``pdf`` or ``svg``: the same bytes for the same figure."""
    out = io.BytesIO()
    with styled():
        figure.savefig(out, format=format_, metadata=_METADATA[format_])
    return out.getvalue()


def marks_of_alphas(alphas: Sequence[float]) -> dict[float, dict[str, Any]]:
    """Colour, marker and dashes of each α: those of the paper's α are the same in every figure."""
    free = [place for place in range(len(_MARKS)) if place not in {_OF_ALPHA.get(alpha) for alpha in alphas}]
    found = {}
    for count, alpha in enumerate(alphas):
        place = _OF_ALPHA.get(alpha, free.pop(0) if free else count % len(_MARKS))
        found[alpha] = _mark(*_MARKS[place])
    return found


def mark_of_model(model: str) -> dict[str, Any]:
    """Colour, marker and dashes of a model."""
    return _mark(*_OF_MODEL.get(model, _MARKS[4]))


def _mark(color: str, marker: str, dashes: Any) -> dict[str, Any]:
    return {"color": color, "marker": marker, "linestyle": dashes, "markeredgecolor": "white", "markeredgewidth": 0.5}


def short(model: str) -> str:
    """``T``, ``S1``, ``S2`` …, ``SAM``: models as the paper's figures name them."""
    return f"S{model[1:]}" if model[:1] == "R" and model[1:].isdigit() else model


def powers(value: float, _: object = None) -> str:
    """A tick of a logarithmic axis without mathtext: ``10⁻³``, ``1``, ``10``, ``100``."""
    if value <= 0:
        return ""
    exponent = math.log10(value)
    if not math.isclose(exponent, round(exponent), abs_tol=1e-9):
        return ""
    if -2 <= exponent <= 3:
        return f"{value:g}"
    return "10" + f"{round(exponent)}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


POWERS = FuncFormatter(powers)
