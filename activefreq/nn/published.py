"""Weights that others published, read by the classes of transformers."""

from __future__ import annotations

from typing import Any

__all__ = ["published"]


def published(kind: Any, source: str) -> Any:  # noqa: ANN401 - transformers has no types
    """A model all of whose weights are those of a hub id or a folder.

    transformers only warns where the source is another kind of network, and leaves the tensors that it lacks at random
    weights; here that is an error. What the source has besides, such as the head of a classifier, is left out.

    Args:
        kind: class of transformers, such as SegformerModel.
        source: a hub id such as "nvidia/mit-b0", or a folder that `save_pretrained` wrote.

    Returns:
        An instance of `kind`, in eval mode.

    Raises:
        ValueError: there is no such folder and no such model on the hub, the hub cannot be reached, or it is a model of
            another kind.
    """
    try:
        model, report = kind.from_pretrained(source, output_loading_info=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{source} is neither a folder with a {kind.__name__} nor a model that the hub gives here ({reason})"
        ) from error
    if lost := sorted(report["missing_keys"]):
        raise ValueError(f"{source} is no {kind.__name__}: it lacks {len(lost)} of its tensors, among them {lost[0]}")
    return model
