"""Numbers in words."""


def counted(number: int, noun: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def signed(value: float, decimals: int = 0) -> str:
    """``+0.12``, ``−0.64``, and ``0.00`` for what is no more than that."""
    size = f"{abs(value):.{decimals}f}"
    return size if not float(size.replace("inf", "1")) else f"{'−' if value < 0 else '+'}{size}"


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``3 min 10 s``, ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
