"""Patient-level folds.

In: a cohort and the fold settings. Out: a `FoldTable` in which every patient is, per fold, on exactly one side;
written to `folds.csv`, read back, and asserted.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
