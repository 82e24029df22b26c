from .run import Run as Run
from .run import read_run as read_run

__all__ = ["Run", "read_run"]
