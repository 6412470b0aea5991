"""One spectral filter over two or three axes (interim: the plain torch definition)."""

from activefreq.reference.spectral_filter import spectral_filter

__all__ = ["spectral_filter"]
