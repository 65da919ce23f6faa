"""Votes of people that come in, and become judgments with one game."""
