"""From judgments to battles, and from battles to ratings.

Arrays go in and out. It prints and writes nothing.
"""
