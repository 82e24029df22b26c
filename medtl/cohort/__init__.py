"""Who is in the study.

In: a manifest (CSV or TSV) and its column names. Out: a frozen `Cohort` of cases, with everyone left out by name
and reason. Later facts about the scans (hashes, duplicates) are audited here, without ever opening an image.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
