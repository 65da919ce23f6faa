"""Benches that come in and results that go out: published files, new questions, bundles.

It knows no boards of its own and no pages: the scripts put these together.
"""
