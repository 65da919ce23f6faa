"""Which boards a bench has and what each counts; what was read of them -> boards.

show_result.py and the browser plan and score through this, so that their boards are the same.
"""

from __future__ import annotations


# What is counted


# From what was read to boards
