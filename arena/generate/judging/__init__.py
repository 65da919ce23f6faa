"""The judge: its prompt, what answers plant in it, the verdict in its reply, ensembles of judges.

It knows no runs.
"""
