"""The benchmarks: `python -m bench` (`make bench`). Every figure stands beside a baseline of the same run."""
