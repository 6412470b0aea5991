"""Whole networks, one readable file each."""
