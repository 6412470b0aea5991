"""activefreq: click-based interactive segmentation with frequency-domain networks."""

from activefreq import ops, reference

__version__ = "0.1.0"

__all__ = ["__version__", "ops", "reference"]
