"""The files of a bench under data/ as typed records, and the meaning of a verdict label.

It makes no calls and computes no scores.
"""
