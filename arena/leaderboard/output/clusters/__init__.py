"""Scores by cluster as text, files, a page or a plot.

It computes no scores.
"""
