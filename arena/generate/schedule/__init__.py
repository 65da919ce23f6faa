"""The battles of a run: its pairs of models, and the number of questions.

It knows no prompts and no verdicts.
"""
