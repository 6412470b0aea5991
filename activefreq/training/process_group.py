"""The processes that train together: started by torch's launcher, or one alone.

Plain `DistributedDataParallel`, and not a layer above it: data lie in memory, chance is drawn for the whole batch and
the checkpoint is our own, so that such a layer would be asked for three calls and would bring its own seeds, loaders
and checkpoints, between which a run has to resume exactly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["ProcessGroup", "launched_processes"]


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together; alone by default, where every method does nothing."""

    rank: int = 0
    """Number of this process."""
    size: int = 1
    """How many there are."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where this process computes."""

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """This process's share of a batch."""
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def share_gradients(self, module: nn.Module, all_take_part: bool = True) -> nn.Module:
        """`module`, whose backward pass means gradients over the processes. On GPUs batch norm means over them too.

        Args:
            module: the whole step.
            all_take_part: every parameter that wants a gradient gets one in every step; otherwise those that get none
                are looked for, which takes a little time.
        """
        if self.size == 1:
            return module
        if self.device.type != "cuda":  # torch's synchronised batch norm is for GPUs only
            return DistributedDataParallel(module, find_unused_parameters=not all_take_part)
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        unused = not all_take_part
        return DistributedDataParallel(module, device_ids=[self.device.index], find_unused_parameters=unused)

    @torch.no_grad()
    def share_buffers(self, module: nn.Module) -> None:
        """Give every process the first one's buffers (running statistics, which each has of its own images)."""
        if self.size > 1:
            for buffer in module.buffers():
                distributed.broadcast(buffer, 0)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a number over the processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value / self.size

    def weighted_mean(self, figures: dict[str, float], weight: float) -> dict[str, float]:
        """Each figure's mean over the processes, of which this one counts `weight` times."""
        if self.size == 1:
            return figures
        gathered: list[tuple[dict[str, float], float]] = [({}, 0.0)] * self.size
        distributed.all_gather_object(gathered, (figures, weight))
        total = sum(share for _, share in gathered)
        return {name: sum(f[name] * share for f, share in gathered if share) / total for name in gathered[0][0]}


@contextmanager
def launched_processes(device: torch.device | str = "cpu") -> Iterator[ProcessGroup]:
    """The group that `torchrun` started this process in, closed at the end; alone where it was started otherwise.

    Each process of a machine gets a GPU of its own where `device` is "cuda", else its share of the machine's cores.
    GPUs talk through NCCL, processors through gloo.
    """
    chosen = torch.device(device)
    if not distributed.is_torchelastic_launched():
        yield ProcessGroup(device=chosen)
        return
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
        distributed.init_process_group("nccl", device_id=chosen)
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // int(os.environ["LOCAL_WORLD_SIZE"])))
        distributed.init_process_group("gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size(), chosen)
    finally:
        distributed.destroy_process_group()
