"""How all models did on a question: the matrix of questions and models.

Knows judgments by their labels, and none of their texts.
"""
