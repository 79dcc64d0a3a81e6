"""What a model did, in numbers, pictures and one page."""
