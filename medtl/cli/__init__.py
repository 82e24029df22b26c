"""How it is spoken to.

In: a command line. Out: what a verb does, its letter, and an exit code. Verbs only: what they do lives below.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
