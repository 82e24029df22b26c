"""Saliency maps.

In: a fitted classifier and out-of-fold cases. Out: HiResCAM maps on the grid of the original scan, with their raw
strength, and pictures of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
