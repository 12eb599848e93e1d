"""Benchmarks: `make bench` runs them all in one run and writes `build/bench.json`. They assert nothing."""
