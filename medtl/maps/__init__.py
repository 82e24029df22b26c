"""Maps that go back to the archive.

In: a finished run and the DICOM series that its cases came from. Out: for each case a parametric map on the source's
own grid and a secondary capture of the slices that matter, both under the patient's own name and with references to
the source, and a table of what was written and what was not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
