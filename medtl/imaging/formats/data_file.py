"""The names of data files in text headers: one file that lies right beside its header, or a refusal."""

from __future__ import annotations

import re

from medtl.imaging.scan import UnreadableScan

LONGEST_TEXT_HEADER = 2**20
MANY_FILES = re.compile(r"%\d*d")


def beside(name: str, *, what: str) -> str:
    """The bare name of a data file.

    Raises:
        UnreadableScan: `data_file_outside`, the name leads to another folder; `several_files`, it stands for many.
    """
    bare = name.strip().removeprefix("./")
    if bare.upper().split(" ")[0] == "LIST" or MANY_FILES.search(bare):
        raise UnreadableScan(
            f"The {what} header names a data file for each slice; one data file is read. Save the volume as one file.",
            reason="several_files",
        )
    if not bare or "/" in bare or "\\" in bare or bare in (".", "..") or "\0" in bare:
        raise UnreadableScan(
            f"The {what} header names a data file in another folder; only one right beside the header is read. Put it "
            "there and write its bare name into the header.",
            reason="data_file_outside",
        )
    return bare
