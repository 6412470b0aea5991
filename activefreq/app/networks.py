"""The network that `activefreq train` begins with: new by name and options, or from a checkpoint."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["starting_network"]

_OWN_OPTIONS = {"input_size": "--input-size", "weight": "--weight"}


def starting_network(
    model: str | None, options: dict[str, Any], start_from: str | None, small: bool = False
) -> tuple[nn.Module, dict[str, Any]]:
    """A network, and what its history begins with.

    Args:
        model: a name of the catalogue; None is what `start_from` holds, or freqformer.
        options: fields of its configuration, a list standing for a tuple.
        start_from: weights, as `activefreq.load` finds them.
        small: the network's small variant.

    Raises:
        ValueError: an unknown name or option, or one that `start_from` contradicts.
    """
    from activefreq.models.catalogue import NETWORKS, network_class
    from activefreq.models.checkpoint import load_network
    from activefreq.predictor import find_weights

    name = model or "freqformer"
    if name not in NETWORKS:
        raise ValueError(f"train: unknown model {name!r}; there is: {', '.join(NETWORKS)}")
    made_by: Any = network_class(name)
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    if start_from is None:
        _check_names(name, plain)
        if small and not hasattr(made_by, "small"):
            raise ValueError(f"train: --small: {name} has no small variant; --network-option sets its sizes")
        return (made_by.small if small else made_by)(**plain), {}
    network, header = load_network(find_weights(start_from)[0])
    if model is not None and header["model"] != model:
        raise ValueError(f"train: --model {model}, but --start-from holds a {header['model']}")
    _check_names(header["model"], plain)
    return _with_options(network, plain, small), {"started_from": header.get("history") or {}}


def _check_names(name: str, options: dict[str, Any]) -> None:
    from activefreq.models.catalogue import config_class

    there_are = [field.name for field in dataclasses.fields(config_class(name))]
    for option in options:
        if option not in there_are:
            raise ValueError(f"train: {name} has no network option {option!r}; there are: {', '.join(there_are)}")


def _with_options(network: nn.Module, options: dict[str, Any], small: bool) -> nn.Module:
    """A network that keeps its own shape.

    Two things may change: stochastic depth, which has no weights, and new click channels, which begin as if they were
    not there.
    """
    if small:
        raise ValueError("train: --small is for a new network, and --start-from brings its own")
    config: Any = network.config
    changed = {name: value for name, value in options.items() if getattr(config, name) != value}
    for name, value in changed.items():
        there = getattr(config, name)
        if name != "drop_path" and not (name == "clicks" and value):
            flag = _OWN_OPTIONS.get(name, f"--network-option {name}")
            raise ValueError(f"train: {flag} {value}, but --start-from has {there}")
    if not changed:
        return network
    made_by: Any = type(network)
    other: nn.Module = made_by(dataclasses.replace(config, **changed))
    weights, before = other.state_dict(), network.state_dict()
    homeless = sorted(set(before) - set(weights))
    if homeless:
        raise ValueError(f"train: {made_by.__name__} with clicks=true has no place for {homeless[0]} of --start-from")
    other.load_state_dict(weights | before)
    return other
