from .mlflow_store import write_mlflow as write_mlflow
from .tensorboard_files import write_tensorboard as write_tensorboard
from .tracked_run import read_tracked_run as read_tracked_run
