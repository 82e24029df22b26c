"""A whole study, watched by strace in a network that leads nowhere: nothing is connected to or sent, but to itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("own_places")

OUTSIDE = re.compile(
    r"\b(connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET6?,(?!.*(inet_addr\(\"127\.|\"::1\"|\"::ffff:127\.)).*"
)
"""A line of strace in which an address is called that is not this machine's own."""

STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=network", "-e", "signal=none", "-o")
NO_NETWORK = ("unshare", "--net")
CONNECTS = """
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "127.0.0.1")):
    socket.socket(family, socket.SOCK_DGRAM).connect_ex((address, 9))
"""
"""To two addresses that are for documentation alone (RFC 5737, RFC 3849), and to this machine."""

A_STUDY = """
import sys, torch
from typer.testing import CliRunner
from medtl.cli import app
torch.set_num_threads(1)
folder = sys.argv[1]
for words in (
    ["check", f"{folder}/data/manifest.csv"],
    ["run", f"{folder}/data/study.yaml", "--out", f"{folder}/run"],
    ["report", f"{folder}/run"],
    ["evaluate", f"{folder}/run/predictions.csv", "--out", f"{folder}/judged", "--resamples", "100"],
    ["status", f"{folder}/run"],
):
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, (words, done.stderr)
"""


def traced(code: str, *words: object, trace: Path) -> list[str]:
    """What a process and its children asked of the network; without a network where that may be taken away here."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace here")
    apart = (
        NO_NETWORK if subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0 else ()
    )
    command = [*apart, *STRACE, trace, sys.executable, "-c", code, *words]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr and not trace.exists():
        pytest.skip(f"no process may be traced here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return trace.read_text().splitlines()


def test_strace_shows_who_connects_outside(tmp_path: Path) -> None:
    found = [line for line in traced(CONNECTS, trace=tmp_path / "trace") if OUTSIDE.search(line)]
    assert ["192.0.2.1" in found[0], "2001:db8::1" in found[1], len(found)] == [True, True, 2]


@pytest.mark.slow
def test_a_whole_study_connects_to_nothing_outside(
    new_cohort: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    new_cohort(tmp_path / "data").write(controls={"permutations": 0, "thumbnail": False, "border_only": False})
    asked = traced(A_STUDY, tmp_path, trace=tmp_path / "trace")
    assert not [line for line in asked if OUTSIDE.search(line)]
    assert (tmp_path / "run" / "report.html").is_file()
