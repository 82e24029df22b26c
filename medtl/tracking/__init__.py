"""A run's numbers for the viewers of trainings that people have: TensorBoard and MLflow.

In: a run folder, finished or not. Out: its losses by epoch and its metrics with their intervals, as event files or in a
local database. The run folder stays the one source and is not changed; nothing reaches a network.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
