from .pretrain import pretrain_encoder as pretrain_encoder
from .run import run_study as run_study
from .settings import Study as Study
from .settings import read_study as read_study

__all__ = ["Study", "pretrain_encoder", "read_study", "run_study"]
