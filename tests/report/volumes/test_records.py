"""What a run of volumes says of its pictures, when somebody has changed it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medtl.errors import IntegrityFailure
from medtl.report import write_reports


@pytest.fixture
def run(volume_run_writer: Callable[..., Path], tmp_path: Path) -> Path:
    return volume_run_writer(tmp_path / "run")


def test_a_mosaic_that_leads_elsewhere_is_refused(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "another.png"
    mosaic = run / "fold_0" / "saliency" / "lp_ft-0-view-scan.png"
    mosaic.rename(secret)
    mosaic.symlink_to(secret)
    with pytest.raises(IntegrityFailure, match="names a picture outside its own folder"):
        write_reports(run)


def test_a_view_of_an_unknown_format_is_refused_by_name(run: Path) -> None:
    view = run / "fold_0" / "saliency" / "lp_ft-0-view.json"
    view.write_text(view.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(IntegrityFailure, match=r"lp_ft-0-view.json does not describe a view of a volume \(format"):
        write_reports(run)
