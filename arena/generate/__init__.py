"""Missing answers and judgments: plan them, ask for them, write them.

It knows nothing of scores.
"""
