"""Container recipes: they keep the rules of their kind, and what they install fits together. None can be built here."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
import zipfile
from base64 import urlsafe_b64decode
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typer.testing import CliRunner

from medtl.cli import app
from medtl.errors import ConfigurationError
from medtl.study.container import container_files
from medtl.study.own_wheel import NAME, own_wheel
from medtl.study.pins import installed_pins

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
KINDS = pytest.mark.parametrize("cuda", [False, True], ids=["processor", "cuda"])

Recipes = dict[bool, dict[str, str]]


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    """The files for the processor and for GPUs."""
    return {cuda: container_files(cuda=cuda) for cuda in (False, True)}


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction with its arguments; continued lines are one."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in whole.splitlines()]


def pip_faults(command: str) -> set[str]:
    """What is wrong with the pip lines of a shell command, by hadolint's numbers (DL3013, DL3042)."""
    found = set[str]()
    for part in re.split(r"&&|;|\n", command):
        words = shlex.split(part, comments=True)
        if words[:2] != ["pip", "install"]:
            continue
        if "--no-cache-dir" not in words:
            found.add("DL3042")
        values = {"--index-url", "--extra-index-url", "--requirement"}
        named = [word for before, word in pairwise(words[1:]) if not word.startswith("-") and before not in values]
        if any("==" not in word and not word.endswith(".whl") for word in named):
            found.add("DL3013")
    return found


def docker_faults(dockerfile: str) -> set[str]:
    """What is wrong with a Dockerfile, by hadolint's numbers; the rules that matter for an image like this."""
    found, user, folder = set[str](), "root", ""
    for instruction, words in instructions(dockerfile):
        match instruction:
            case "FROM" if ":" not in words:
                found.add("DL3006")
            case "FROM" if words.endswith(":latest"):
                found.add("DL3007")
            case "ADD":
                found.add("DL3020")
            case "WORKDIR":
                folder = words
                found |= set() if words.startswith("/") else {"DL3000"}
            case "COPY" if not words.split()[-1].startswith("/") and not folder:
                found.add("DL3045")
            case "USER":
                user = words
            case "ENTRYPOINT" | "CMD" if not words.startswith("["):
                found.add("DL3025")
            case "RUN":
                found |= pip_faults(words)
                found |= {"DL3004"} if re.search(r"\bsudo\b", words) else set()
                found |= {"DL3003"} if re.search(r"(^|&&)\s*cd ", words) else set()
                if "apt-get install" in words:
                    found |= set() if "rm -rf /var/lib/apt/lists/*" in words else {"DL3009"}
                    found |= set() if "--no-install-recommends" in words else {"DL3015"}
                found |= {"DL3027"} if re.search(r"\bapt install", words) else set()
    return found | ({"DL3002"} if user == "root" else set())


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("DL3006", "FROM python"), ("DL3007", "FROM python:latest"), ("DL3020", "ADD data /data"),
        ("DL3000", "WORKDIR work"), ("DL3045", "COPY a b"), ("DL3025", "ENTRYPOINT medtl"),
        ("DL3013", "RUN pip install --no-cache-dir torch"), ("DL3042", "RUN pip install torch==2.13.0"),
        ("DL3004", "RUN sudo true"), ("DL3009", "RUN apt-get install --no-install-recommends x=1"),
        ("DL3002", "USER root"), ("DL3003", "RUN cd /x && true"),
    ],
)  # fmt: skip
def test_a_fault_of_a_dockerfile_is_found(fault: str, line: str) -> None:
    assert docker_faults(f"USER me\n{line}\n") == {fault}


@KINDS
def test_the_dockerfile_keeps_the_rules_and_runs_medtl_as_nobody_special(recipes: Recipes, cuda: bool) -> None:
    text = recipes[cuda]["Dockerfile"]
    assert docker_faults(text) == set()
    found = instructions(text)
    by_name = dict(found)
    assert by_name["FROM"] == f"python:{PYTHON}-slim-bookworm"
    assert by_name["ENTRYPOINT"] == '["medtl"]'
    assert by_name["USER"] == "medtl"
    assert {"MEDTL_HOME=/medtl/home", "MEDTL_CACHE=/medtl/cache", "MEDTL_WEIGHTS=/medtl/weights"} <= set(
        shlex.split(by_name["ENV"])
    )
    assert ("NVIDIA_VISIBLE_DEVICES=all" in text, "--gpus all" in text) == (cuda, cuda)
    purposes = [words for instruction, words in found if instruction == "RUN"]
    assert len(purposes) == 4, "PyTorch, the packages, medtl, the user: a layer each"


@KINDS
def test_nothing_but_versions_and_medtl_is_copied_into_an_image(recipes: Recipes, cuda: bool) -> None:
    files = recipes[cuda]
    (copied,) = (words for instruction, words in instructions(files["Dockerfile"]) if instruction == "COPY")
    assert copied.split() == ["requirements.txt", NAME, "/opt/medtl/"]
    assert files[".dockerignore"].split() == ["*", "!requirements.txt", f"!{NAME}"]
    section = files["Apptainer.def"].split("%files\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in section.splitlines()] == ["requirements.txt", NAME]


@KINDS
def test_the_apptainer_definition_installs_the_same_and_passes_its_words_on(recipes: Recipes, cuda: bool) -> None:
    files = recipes[cuda]
    text = files["Apptainer.def"]
    assert text.startswith(f"Bootstrap: docker\nFrom: python:{PYTHON}-slim-bookworm\n")
    assert re.findall(r"^%(\w+)$", text, flags=re.M) == [
        "files", "post", "environment", "runscript", "test", "labels",
    ]  # fmt: skip
    post = text.split("%post\n")[1].split("%environment")[0]
    assert pip_faults(post) == set()
    index = dict(instructions(files["Dockerfile"]))["ARG"].removeprefix("TORCH_INDEX=")
    in_docker = [words for name, words in instructions(files["Dockerfile"]) if name == "RUN" and "pip" in words]
    in_apptainer = [line.strip() for line in post.splitlines() if line.strip().startswith("pip")]
    assert [words.replace('"$TORCH_INDEX"', index) for words in in_docker] == in_apptainer
    assert 'exec medtl "$@"' in text
    assert 'MEDTL_CACHE="${MEDTL_CACHE:-$HOME/.cache/medtl}"' in text, "what the cluster sets is kept"
    assert ("apptainer run --nv" in text) == cuda


def test_pytorch_comes_with_cuda_only_where_gpus_are_used_and_another_cuda_is_explained(recipes: Recipes) -> None:
    without, with_cuda = (recipes[cuda]["Dockerfile"] for cuda in (False, True))
    assert "ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu\n" in without
    assert "ARG TORCH_INDEX=https://pypi.org/simple\n" in with_cuda
    assert "stands at https://pytorch.org/get-started/locally." in with_cuda


def test_every_package_is_pinned_as_it_is_installed_here_and_together_they_suffice(recipes: Recipes) -> None:
    lines = recipes[False]["requirements.txt"].splitlines()
    pins = {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in map(Requirement, lines)}
    assert pins == installed_pins()
    for name, version in pins.items():
        assert Version(metadata.version(name)).public == version
    for name in ("medtl", *pins):
        for required in map(Requirement, metadata.requires(name) or ()):
            if required.marker is None or required.marker.evaluate({"extra": ""}):
                assert required.specifier.contains(pins[canonicalize_name(required.name)]), (name, str(required))
    constraints = (Path(__file__).resolve().parents[2] / "constraints.txt").read_text()
    declared = {canonicalize_name(one.name) for one in map(Requirement, constraints.split())}
    assert set(pins) - {"setuptools"} <= declared, "what CI pins are these and those of the tests"
    assert not {"pytest", "ruff", "sphinx"} & set(pins)


def test_a_package_that_is_not_installed_cannot_be_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    found = metadata.distribution

    def without_monai(name: str) -> metadata.Distribution:
        if name == "monai":
            raise metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(metadata, "distribution", without_monai)
    with pytest.raises(ConfigurationError, match=r"monai is required and is not installed here, so its version cannot"):
        installed_pins()


def test_the_wheel_holds_the_package_that_runs_here_and_vouches_for_each_file(tmp_path: Path) -> None:
    assert own_wheel() == own_wheel(), "the same package gives the same bytes"
    (tmp_path / NAME).write_bytes(own_wheel())
    root = Path(__file__).resolve().parents[2]
    with zipfile.ZipFile(tmp_path / NAME) as wheel:
        names = wheel.namelist()
        packed = {name for name in names if name.startswith("medtl/")}
        there = {
            path.relative_to(root).as_posix()
            for path in (root / "medtl").rglob("*")
            if path.is_file() and path.parent.name != "__pycache__"
        }
        assert packed == there
        assert wheel.read("medtl/cli/command.py") == (root / "medtl" / "cli" / "command.py").read_bytes()
        (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
        assert {line.split(",")[0] for line in wheel.read(record).decode().splitlines()} == set(names)
        digest = hashlib.sha256(wheel.read("medtl/__init__.py")).hexdigest()
        (line,) = (line for line in wheel.read(record).decode().splitlines() if line.startswith("medtl/__init__.py,"))
    assert urlsafe_b64decode(line.split("=", 1)[1].split(",")[0] + "=").hex() == digest


def test_the_command_writes_everything_that_an_image_is_built_from(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["container", str(tmp_path / "image"), "--cuda"])
    assert done.exit_code == 0, done.stderr
    there = {path.name for path in (tmp_path / "image").iterdir()}
    assert there == {"Dockerfile", "Apptainer.def", "requirements.txt", ".dockerignore", NAME}
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "Dockerfile", "Apptainer.def", "requirements.txt", ".dockerignore", NAME,
    ]  # fmt: skip
    for name in there - {NAME}:
        assert str(Path.home()) not in (tmp_path / "image" / name).read_text(), "no folder of this machine"
        assert str(Path(sys.prefix)) not in (tmp_path / "image" / name).read_text()


def test_files_that_are_there_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("mine")
    done = CliRunner().invoke(app, ["container", str(tmp_path)])
    assert done.exit_code == 2
    assert f"{tmp_path.name} already holds Dockerfile; nothing was overwritten. Give another folder" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("Dockerfile", "mine")]
    done = CliRunner().invoke(app, ["container", str(tmp_path / "Dockerfile")])
    assert done.exit_code == 2
    assert "Dockerfile is a file; give a new folder for the recipes." in done.stderr
