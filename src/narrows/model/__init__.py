"""A trained model: its file, its use, and the range of the data it knows."""
