"""Measures of benchmarks and of judges.

It makes no calls and knows nothing of the page.
"""
