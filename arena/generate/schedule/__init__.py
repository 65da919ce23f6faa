"""What a run plays: which pairs of models, and how many questions.

It knows no prompts and no verdicts.
"""
