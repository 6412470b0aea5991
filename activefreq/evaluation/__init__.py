"""The batched click loop, its metrics and its report."""
