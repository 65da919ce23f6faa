"""Lines of the files of a bench: where they are, and what is wrong with them."""
