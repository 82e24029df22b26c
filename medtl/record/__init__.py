"""What a run writes.

In: the values of a run. Out: the files of its folder, and the same values read back, typed, without torch: the report,
the held-out test and the seal of a run read what is written here and nothing else.

"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
