"""Controls that must fail.

Negative controls: what must not be able to do the task. In: frozen features, grey cells, properties of the files, and
the study's own folds. Out: an AUROC each, which has to lie near 0.5, or the reason why there is none. The from-scratch
control is a policy of `adaptation`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
