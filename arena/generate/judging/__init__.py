"""The judge: its prompt, what answers plant in it, and the verdict in its reply.

It knows neither files of judgments nor runs.
"""
