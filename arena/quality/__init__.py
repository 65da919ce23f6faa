"""How good is the benchmark, and how good is the judge?

It makes no calls and knows nothing of the page.
"""
