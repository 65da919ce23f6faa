"""Measures of benchmarks: how well they rank models, by themselves and against people.

It knows nothing of judges and of the page.
"""
