"""One study, told in order.

In: a study file and its manifest. Out: a run folder with predictions, metrics and pages. Here every floor is composed:
settings, the cohort and its folds, the encoders, the run itself, the opening of what was sealed, pretraining; and what
can be known before training (check), the tour on phantoms (demo), and what this machine has (doctor).

"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
