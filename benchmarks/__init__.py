"""Benchmarks: ratios against a hand-written asyncio ready queue, in the same process."""
