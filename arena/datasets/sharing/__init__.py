"""Results that go out: a bundle of a bench that others can check.

It knows nothing of pages: the browser's folder makes the site.
"""
