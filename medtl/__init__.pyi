from .notebook import Results as Results
from .notebook import open_run as open_run
from .notebook import run as run
from .study.settings import Study as Study

__all__ = ["Results", "Study", "open_run", "run"]

__version__: str
