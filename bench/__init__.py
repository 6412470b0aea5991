"""Benchmarks: ours beside the best alternative, measured in the same run. One file per operator."""
