"""A board as text, CSV, JSON, Markdown, HTML or a plot.

It computes no scores.
"""
