"""Pretrained encoders.

In: the name of an encoder, and how it is to take volumes. Out: an `Encoder` (stages, pooled features, maps brought back
to the patient) with the published weights in it, every tensor accounted for, and the card that says where they come
from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
