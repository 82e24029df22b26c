"""The report.

In: a run folder. Out: one self-contained page per fold and one for the study, rebuilt from the CSVs alone, without
torch, in reproducible bytes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
