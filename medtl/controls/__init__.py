"""What must fail.

Negative controls: what must not be able to do the task. Black margins of prepared volumes and metadata only are judged
here; the from-scratch control is a policy of `adaptation`; permuted labels and border only will live here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
