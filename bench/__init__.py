"""Benchmarks: `python -m bench [GROUP ...]`. A group is a module with `run(data) -> Iterator[Row]`."""
