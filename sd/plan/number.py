"""Numbers as people write them in a grid, and what is no number."""

from typing import Any

from pydantic_core import PydanticCustomError


def no_switch(value: Any) -> Any:
    """Refuse true and false, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise PydanticCustomError("bool", "is true or false where a number belongs")
    return value


def plain_zero(value: Any) -> Any:
    """Minus zero is zero: the same training must not get another key."""
    return 0.0 if isinstance(value, float) and value == 0 else value
