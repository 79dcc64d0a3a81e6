"""What a trained model is good for beside its codes: drawing new items, and judging given ones."""
