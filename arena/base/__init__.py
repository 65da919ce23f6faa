"""Ground: errors, flags, YAML, JSON lines and tables.

It knows nothing of benchmarks, judges or models.
"""
