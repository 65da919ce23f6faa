"""Benches of a user's own prompts: forms, duplicates, clusters, samples."""
