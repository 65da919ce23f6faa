"""The outcomes of all models: the matrix of questions and models, and the strip of a question.

Knows judgments by their labels, and none of their texts.
"""
