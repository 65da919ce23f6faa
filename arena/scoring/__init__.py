"""From judgments to battles, and from battles to ratings.

Arrays go in and out; it prints and writes nothing.
"""
