"""What every part leans on: files, processes, progress, memory. It knows nothing of models."""
