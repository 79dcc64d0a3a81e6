"""Archives of codes: nothing but the latent numbers of a trained model, and its decoder.

================  ==========================================================================
``integer_net``   dense networks in whole numbers, the same on every machine
``predictor``     how likely each number of a code is, given those before it
``predicted``     the method that codes codes with it
``numbers``       weights as bytes
``decoder``       from codes to values, as an archive holds it; its blocks of codes as values
``shared``         what archives of codes have in common, in a model file
``writing``       codes and a decoder to an archive
================  ==========================================================================
"""
