"""What must fail.

Negative controls: models that must not be able to do the task. The from-scratch control is a policy of `adaptation`;
the control that sees metadata only is here; permuted labels and border only will live here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
