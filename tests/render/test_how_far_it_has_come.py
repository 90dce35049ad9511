"""A long task's count is a bar in a terminal, and elsewhere a line every half minute."""

import io

import pytest
from rich.console import Console

from sd.render import progress
from sd.render.progress import Counting


def test_no_terminal_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 images, one a second; of 20 that a killed process had done, none is counted as this one's pace."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    with Counting(Console(file=out)) as counting:
        for done in range(20, 101):
            counting("converting", done, 100)
            now[0] += 1
        counting.say("done")
    assert out.getvalue().splitlines() == [
        "converting: 50 of 100, about 50 s left",
        "converting: 80 of 100, about 20 s left",
        "done",
    ]


def test_a_terminal_gets_a_bar() -> None:
    out = io.StringIO()
    with Counting(Console(file=out, force_terminal=True, width=100)) as counting:
        counting("converting", 50, 100)
        counting("converting", 100, 100)
    assert "converting" in out.getvalue() and "100/100" in out.getvalue()
