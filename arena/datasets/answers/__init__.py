"""Answers made elsewhere: the forms they come in, and how they become records of a bench.

They know nothing of runs: gen_answer.py fills what they lack.
"""
