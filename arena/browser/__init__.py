"""The page that shows questions, answers, judgments and boards.

It reads the files of a bench and writes none.
"""
