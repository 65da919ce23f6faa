"""How sure scores are: intervals, ranks and plans.

Arrays of points, battles or rounds go in and out. It fits nothing.
"""
