"""What is borrowed.

In: the name of an encoder. Out: an `Encoder` (feature maps, pooled features, stages) with the published weights in
it, every tensor accounted for, and the card that says where they come from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
