"""What to train, and how: what the user says, and good choices for everything else.

The rules were chosen on training images held out for that (``benchmarks/recipe_holdout.py``) and on
scikit-learn's digits; they look at the number, shape and type of the items and at nothing else of
them.

:mod:`options <narrows.planning.options>` is what a user may say, :mod:`plan
<narrows.planning.plan>` what comes of it: :mod:`architecture <narrows.planning.architecture>`
chooses the model, :mod:`recipe <narrows.planning.recipe>` its training, :mod:`refinement
<narrows.planning.refinement>` what improves codes after it. :mod:`parameters
<narrows.planning.parameters>` is what model files keep of the options.
"""
