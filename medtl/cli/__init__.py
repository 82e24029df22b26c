"""The command line.

In: a command line. Out: the results of a verb, or a message on standard error; an exit code. Verbs only: what they do
lives below.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
