"""How all models did on a question: the matrix of questions and models, and the strip of one.

Knows judgments by their labels, and none of their texts.
"""
