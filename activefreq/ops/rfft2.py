"""draft"""
from activefreq.reference.rfft2 import rfft2, irfft2
