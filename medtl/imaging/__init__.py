"""Scans: reading, preparation, augmentation.

In: a file. Out: a `Scan` (channel, height, width) with its spacing, its facts, and the prepared scan in [0, 1] that
an encoder can look at. Prepared scans are kept once for all folds, runs and users.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
