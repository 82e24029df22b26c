"""How it learns.

In: prepared scans, a classifier, a recipe and a fold. Out: fitted weights, a history per epoch, and probabilities.
The loop stands in plain sight in `fit.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
