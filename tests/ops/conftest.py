import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread(restore_threads):
    """The tensors here are small: a second thread would only wait for the first."""
    torch.set_num_threads(1)
