from .fold_page import write_fold_page as write_fold_page
from .pages import write_reports as write_reports
from .run_folder import RunFolder as RunFolder
from .run_folder import read_run as read_run
from .study_page import write_study_page as write_study_page

__all__ = ["RunFolder", "read_run", "write_fold_page", "write_reports", "write_study_page"]
