from .command import app as app
from .command import main as main
from .run_verbs import pipeline as pipeline

__all__ = ["app", "main", "pipeline"]
