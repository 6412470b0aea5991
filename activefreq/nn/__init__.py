"""Layers: what a network is built from."""
