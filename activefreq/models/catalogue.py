"""The networks by name: what `activefreq train --model` takes and what a checkpoint's header names.

A network is a `torch.nn.Module` that is built as `Network(config=None, **settings)`, with `config` a frozen dataclass
whose class has the network's name and `Config`, lives beside it, and has `from_dict`; so that name and configuration
are all a checkpoint has to say about its shape. A network whose `config.clicks` is true, and FreqFormer always, takes
the six channels of `models/network_input.py` and answers (B, 1, H, W) logits: it can be trained and evaluated with
clicks. The others are trained and scored by their task (`activefreq.tasks`).
"""

from __future__ import annotations

import dataclasses
import pkgutil
from typing import Any

from torch import nn

__all__ = ["NETWORKS", "config_class", "configuration", "network_class", "network_name", "takes_clicks"]

NETWORKS = {
    "freqformer": "activefreq.models.freqformer:FreqFormer",
    "frequency-disentangled": "activefreq.models.frequency_disentangled:FrequencyDisentangled",
    "freqmedclip": "activefreq.models.freqmedclip:FreqMedCLIP",
    "hfsti-net": "activefreq.models.hfsti_net:HFSTINet",
}
"""Module and class of every name; a module is imported when its network is asked for."""


def network_class(name: str) -> type[nn.Module]:
    """The class of a network.

    Raises:
        ValueError: no such name; the message lists those there are.
    """
    found: type[nn.Module] = pkgutil.resolve_name(_home(name))
    return found


def config_class(name: str) -> Any:  # noqa: ANN401 (a dataclass with from_dict)
    """The class of a network's configuration.

    Raises:
        ValueError: as `network_class`.
    """
    return pkgutil.resolve_name(_home(name) + "Config")


def network_name(network: nn.Module) -> str:
    """The name of a network's class, or of the class that it extends.

    Raises:
        ValueError: it is none of the catalogue.
    """
    homes = {home: name for name, home in NETWORKS.items()}
    for kind in type(network).__mro__:
        name = homes.get(f"{kind.__module__}:{kind.__qualname__}")
        if name is not None:
            return name
    raise ValueError(f"{type(network).__name__} is none of the networks that have a name: {', '.join(NETWORKS)}")


def configuration(network: nn.Module) -> dict[str, Any]:
    """The fields of a network's configuration, for JSON."""
    config: Any = network.config
    return dataclasses.asdict(config)


def takes_clicks(network: nn.Module) -> bool:
    """Whether `network` takes image, previous mask and click maps as one input of six channels."""
    always = network_name(network) == "freqformer"
    return always or bool(getattr(network.config, "clicks", False))


def _home(name: str) -> str:
    if name not in NETWORKS:
        raise ValueError(f"unknown model {name!r}; there is: {', '.join(NETWORKS)}")
    return NETWORKS[name]
