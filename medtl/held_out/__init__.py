"""Cases on which nothing was learnt: a test that stays sealed until it is opened once, and cohorts from elsewhere.

In: the cases, and what a finished run says of them. Out: a record with every opening counted, and the predictions, in
`held_out/<name>/` of the run folder.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
