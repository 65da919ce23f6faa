"""Boards: scored models with intervals, comparisons, clusters.

It does not know how answers and judgments were made.
"""
