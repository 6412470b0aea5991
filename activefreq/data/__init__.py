"""Readers and the synthetic phantom: sequences of samples."""
