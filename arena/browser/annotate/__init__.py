"""The blind mode: which pairs a person labels, in which order and on which sides, and the votes.

It does not know how a pair is shown.
"""
