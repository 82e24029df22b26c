from .fold_page import write_fold_page as write_fold_page
from .intake_page import Contact as Contact
from .intake_page import IntakeTold as IntakeTold
from .intake_page import write_intake_page as write_intake_page
from .pages import write_reports as write_reports
from .run_folder import RunFolder as RunFolder
from .run_folder import read_run as read_run
from .study_page import write_study_page as write_study_page

__all__ = [
    "Contact",
    "IntakeTold",
    "RunFolder",
    "read_run",
    "write_fold_page",
    "write_intake_page",
    "write_reports",
    "write_study_page",
]
