"""The whole FreqModule as one operator (interim: the plain torch definition)."""

from activefreq.reference.freq_mix import freq_mix

__all__ = ["freq_mix"]
