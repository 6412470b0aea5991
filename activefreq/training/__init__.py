"""Losses, simulated clicks for training, and the loop."""
