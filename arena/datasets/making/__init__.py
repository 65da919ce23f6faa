"""A new bench of the prompts in files: read, rated, without duplicates, sampled by cluster.

It knows nothing of answers and of published data.
"""
