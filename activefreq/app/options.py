"""Options of the form NAME=VALUE, as several commands take them."""

from __future__ import annotations

from typing import Any

__all__ = ["named_values", "value"]

_WORDS = {"true": True, "false": False, "none": None}


def named_values(options: list[str] | None, where: str) -> dict[str, Any]:
    """The values by name, the last one where a name comes twice.

    Args:
        options: texts such as "weights=1,0,0"; None is none.
        where: command and option, for the error: "evaluate: --strategy-option".

    Raises:
        ValueError: a text without "=".
    """
    found = {}
    for option in options or []:
        name, equals, text = option.partition("=")
        if not equals:
            raise ValueError(f"{where} must be NAME=VALUE, got {option!r}")
        found[name] = value(text)
    return found


def value(text: str) -> Any:  # noqa: ANN401 (any JSON)
    """What a text stands for: true, false, none, a whole number, a number, several of these, or itself.

    A comma at the end makes a list of one: "1," is [1].
    """
    if "," in text:
        return [value(part) for part in text.removesuffix(",").split(",")]
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
