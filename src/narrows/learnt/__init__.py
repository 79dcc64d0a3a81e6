"""What is learnt from codes and items beside the net: arrays that a model file holds."""
