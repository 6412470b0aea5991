"""Benchmarks (ours beside the best alternative, in the same run) and the tables made from their results."""
