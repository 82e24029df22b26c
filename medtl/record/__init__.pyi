from .run import RunFolder as RunFolder
from .run import read_run as read_run

__all__ = ["RunFolder", "read_run"]
