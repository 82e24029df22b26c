"""What to borrow.

Comparisons across encoders, sources and numbers of training patients on the same folds will live here.
"""
