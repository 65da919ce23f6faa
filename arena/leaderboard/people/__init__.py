"""Scores corrected by labels of people, and the draw of pairs for people to label.

It does not know how labels are made or imported.
"""
