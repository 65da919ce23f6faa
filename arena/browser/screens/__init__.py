"""The content of each tab, for a choice or a link, as data.

It knows no fields and no web server.
"""
