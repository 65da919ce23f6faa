"""Lines of the files of a bench: their places and their faults."""
