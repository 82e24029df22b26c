"""How scans come in.

In: a folder as it comes from a PACS, a colleague or a public collection. Out: a manifest, beside it the scans written
again without a name in them, a table of everything refused, and a page that shows both. Who is who stays in a private
file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
