"""What the data sets are called in words: a few phrases each, the first of which is asked when a set is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["PHRASES", "Phrases", "phrase_table"]

PHRASES: dict[str, tuple[str, ...]] = {
    "isic2017": (
        "a skin lesion",
        "a pigmented skin lesion",
        "the lesion in a dermoscopic image",
        "a mole or melanoma on the skin",
    ),
    "cvc_clinicdb_612": (
        "a polyp",
        "a polyp in the colon",
        "the polyp in a colonoscopy frame",
        "a growth on the bowel wall",
    ),
    "phantom": (
        "a drawn skin lesion",
        "the lesion in a synthetic image",
    ),
}
"""Phrases by the name of a data set (`Dataset.name`)."""

Phrases = str | Sequence[str]


def phrase_table(further: Phrases | Mapping[str, Phrases] | None = None) -> dict[str, tuple[str, ...]]:
    """`PHRASES` and further ones.

    Args:
        further: phrases by the name of a data set, which replace what they name; or phrases alone, which stand under
            "" for whatever data set has none.

    Raises:
        ValueError: a data set without a phrase, or an empty phrase.
    """
    table = dict(PHRASES)
    if further is None:
        return table
    for name, phrases in (further if isinstance(further, Mapping) else {"": further}).items():
        several = (phrases,) if isinstance(phrases, str) else tuple(phrases)
        if not several or not all(isinstance(phrase, str) and phrase.strip() for phrase in several):
            raise ValueError(f"phrases{name and ' of ' + name} must be one or more that are not empty, got {phrases!r}")
        table[name] = several
    return table
