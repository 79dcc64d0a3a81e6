"""What a trained model is good for beside its codes: a task a module."""
