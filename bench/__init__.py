"""Benchmarks, and the tables that are made from their stored results."""
