"""The faces for Python: scikit-learn estimators."""
