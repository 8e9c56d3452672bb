"""How fast Bailiwick is, beside what else one could use: ``python -m benchmarks``."""
