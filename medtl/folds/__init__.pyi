from . import sealing as sealing
from .assignment import assign as assign
from .fold_file import read_folds as read_folds
from .fold_file import write_folds as write_folds
from .nested import inner_folds as inner_folds
from .settings import FoldSettings as FoldSettings
from .table import FoldTable as FoldTable
from .table import Split as Split

__all__ = [
    "FoldSettings",
    "FoldTable",
    "Split",
    "assign",
    "inner_folds",
    "read_folds",
    "sealing",
    "write_folds",
]
