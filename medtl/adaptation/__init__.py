"""What is changed.

In: an encoder and a policy (probe, lp_ft, full, scratch). Out: the converged probe on frozen features, or the
classifier that training will fit, with what may move and how fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
