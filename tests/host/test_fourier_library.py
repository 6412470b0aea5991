"""Opening cuFFT at run time, against a stand-in with its functions: what is called, what is kept, what is said."""

import ctypes
import importlib.util
import subprocess

import pytest
import torch
from host_kernels import HostKernels, compiled
from tolerances import relative_error

from activefreq.ops._native import _fourier_libraries


@pytest.fixture
def library():
    """A fresh one: what it has opened and planned, it keeps."""
    kernels = HostKernels("fourier_library")
    kernels.library.last_complaint.restype = ctypes.c_char_p
    kernels.library.work_bytes.restype = kernels.library.transform.restype = ctypes.c_int64
    return kernels


def use(library, *names):
    library.library.use_libraries(*[str(name).encode() for name in names])


def complaint(library):
    return library.library.last_complaint().decode()


def test_opens_plans_and_transforms(library):
    assert library("work_bytes", 6, 1, 5, 2, 0) == -1
    assert "call the operator once" in complaint(library)  # during a capture
    use(library, "no-such-library.so.12", "nor-this-one.so.11")
    assert library("work_bytes", 6, 1, 5, 2, 1) == -1
    assert "cuFFT was not found" in complaint(library)
    assert "activefreq[cu13]" in complaint(library)
    assert "nor-this-one.so.11" in complaint(library)

    stand_in = compiled("stand_in_fourier", "library", "-fPIC", "-shared")
    use(library, "no-such-library.so.12", stand_in)
    first = library("work_bytes", 6, 1, 5, 2, 1)
    assert first >= 1000
    assert library("work_bytes", 6, 1, 5, 2, 0) == first  # kept: fit for a capture
    assert library("work_bytes", 1, 7, 1, 3, 1) not in (-1, first)
    assert library("work_bytes", 1, 1, 1, 3, 0) == 0  # a single point needs no plan
    for shape, batch in (((6, 1, 5), 2), ((1, 1, 1), 3), ((2, 3, 4), 1)):
        assert (library("work_bytes", *shape, batch, 1) > 0) == (shape != (1, 1, 1))
        x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
        y = x.clone()
        assert library("transform", y, *shape, batch, 0) == 0, complaint(library)
        assert relative_error(torch.view_as_real(y), torch.view_as_real(torch.fft.fftn(x, dim=(1, 2, 3)))) < 1e-6
        assert library("transform", y, *shape, batch, 1) == 0
        assert relative_error(torch.view_as_real(y), torch.view_as_real(x * x[0].numel())) < 1e-6

    plans = ctypes.CDLL(str(stand_in)).live_plans
    before = plans()
    assert before > 0
    assert library("work_bytes", 666, 1, 5, 2, 1) == -1
    assert complaint(library) == "cuFFT: cufftMakePlanMany failed with status 1"
    assert plans() == before  # what failed is not left behind
    assert library("work_bytes", 1 << 16, 1, 1 << 15, 1, 1) == -1
    assert "one transform may have 2^31 - 1 points" in complaint(library)


@pytest.mark.skipif(importlib.util.find_spec("activefreq._cuda") is None, reason="built without a CUDA compiler")
def test_the_module_does_not_link_it():
    module = importlib.util.find_spec("activefreq._cuda").origin
    needed = subprocess.run(["ldd", module], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in needed
    assert "cufft" not in needed


def test_where_it_is_looked_for(tmp_path, monkeypatch):
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libcufft.so.12").touch()
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    found = _fourier_libraries()
    assert str(tmp_path / "lib64" / "libcufft.so.12") in found
    assert {"libcufft.so.12", "libcufft.so.11"} == set(found[-2:])  # what the loader knows comes last
