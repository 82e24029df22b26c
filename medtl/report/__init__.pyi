from .pages.all_pages import write_reports as write_reports
from .pages.fold_page import write_fold_page as write_fold_page
from .pages.intake_page import Contact as Contact
from .pages.intake_page import IntakeContent as IntakeContent
from .pages.intake_page import write_intake_page as write_intake_page
from .pages.result_lines import result_lines as result_lines
from .pages.study_page import write_study_page as write_study_page

__all__ = [
    "Contact",
    "IntakeContent",
    "result_lines",
    "write_fold_page",
    "write_intake_page",
    "write_reports",
    "write_study_page",
]
