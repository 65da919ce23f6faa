"""Files that a reader takes away: the list as a table, one battle as a page.

It does not know how they are served.
"""
