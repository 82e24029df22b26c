"""How well.

In: the table of predictions alone. Out: discrimination, calibration and thresholds, per fold and pooled out of fold,
per image and per patient, each with an interval or with the reason why there is none.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
