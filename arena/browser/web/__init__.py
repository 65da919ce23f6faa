"""The page over HTTP: its shell, its routes, and who may read and write.

What a view shows is made in screens.
"""
