"""Folders that are there for a while.

Results go into files of their users, which `arena.base.jsonl` writes.
"""
