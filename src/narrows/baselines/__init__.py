"""What linear and classical methods reach with the same budget."""
