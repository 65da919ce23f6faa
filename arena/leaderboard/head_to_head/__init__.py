"""The matrix of win rates: how each model of a board did against each other one.

It does not know how battles are read or scores are made.
"""
