"""Predictions.

The one table that crosses from the learning wing to the counting wing: a row per case, fold, role and model, with the
reference standard and a probability for each class.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
