"""medtl is installed where there is no internet by the five lines of docs/server.md, which are executed here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import medtl

ROOT = Path(__file__).resolve().parents[2]
SHORTER = {
    "--requirement image/requirements.txt ": "--no-index --no-deps ",
    "-m venv ": "-m venv --without-pip ",
    "--no-index --find-links": "--no-deps --no-compile --no-index --find-links",
}
"""What the lines are given here beside their own words: medtl alone is carried; its requirements, and pip, are here."""


def five_lines() -> list[str]:
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8").split("## Without internet")[1]
    lines = re.findall(r"^```text\n(.*?)^```", page, flags=re.M | re.S)[0].splitlines()
    assert len(lines) == 5
    return lines


@pytest.mark.slow
def test_the_five_lines_install_medtl_without_a_network(tmp_path: Path) -> None:
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    output = []
    for number, line in enumerate(five_lines()):
        for words, others in SHORTER.items():
            line = line.replace(words, others)
        environment = outside | nowhere | {"PATH": path} | ({"PYTHONPATH": str(ROOT)} if number == 0 else {})
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        output.append(done.stdout)
        if " venv " in line:
            (packages,) = (tmp_path / "medtl-env").glob("lib/python*/site-packages")
            (packages / "pip").symlink_to(Path(sysconfig.get_path("purelib")) / "pip")
        if " install " in line:
            (packages / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    assert output[-1].strip() == medtl.__version__
    called = subprocess.run(
        [tmp_path / "medtl-env" / "bin" / "python", "-c", "import medtl; print(medtl.__file__)"],
        cwd=tmp_path, env=outside, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert called.stdout.startswith(str(packages)), "what runs is what was carried"
    assert (packages / "medtl" / "report" / "templates" / "page.html.j2").is_file()
    shown = subprocess.run(
        [tmp_path / "medtl-env" / "bin" / "medtl", "demo", "--help"],
        cwd=tmp_path, env=outside, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "offline, no weights, no GPU" in " ".join(shown.stdout.split())
