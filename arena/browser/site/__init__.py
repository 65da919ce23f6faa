"""A static site of a bench: pages that open from a folder without a server.

It does not know how the files that it shows were chosen or packed.
"""
