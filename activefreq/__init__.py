"""activefreq: click-based interactive segmentation with frequency-domain networks."""

from activefreq import acselect, ops, reference

__version__ = "0.1.0"

__all__ = ["__version__", "acselect", "ops", "reference"]
