"""The requests of a run in files and in batch services, and the replies that come back.

It knows no answers, judgments or files of records.
"""
