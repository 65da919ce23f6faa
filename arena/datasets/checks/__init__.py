"""The checks of a bench: each a function from what was read to findings, in a list of its module.

They change nothing, and know nothing of the flags and the table of check_bench.py.
"""
