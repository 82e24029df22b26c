"""The examples of `--help`: each verb has one, and each works as it is printed."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.main import get_command
from typer.testing import CliRunner

from medtl.cli import app
from medtl.encoders import build_untrained, find_encoder

PATIENTS = 44
STUDY = """
name: desk
manifest: manifest.csv
folds: {count: 2, seed: 7, sealed: official_split}
preparation: {preset: radiograph, size_px: [32, 32]}
encoder: resnet18-imagenet
adaptation: {policy: probe}
recipe: {epochs: 1, batch_size: 8}
explanation: {cases_of_each_kind: 1}
resamples: 100
saliency: {checks: false}
identifiers: as_in_manifest
"""
NOT_GIVEN = {
    "demo": "takes minutes, and make demo gives it",
    "maps": "needs DICOM from an archive: tests/maps",
    "weights fetch": "reaches for a network: tests/house/test_readme.py gives it a publisher",
}
"""Verbs whose examples are only held against their options here, and which test gives them."""

ORDER = ("cache", "weights import", "weights list", "weights", "doctor", "intake", "init", "check", "run", "fold")
"""First the cache, which no process may use when it is emptied, and what others need; then as the help lists it."""


def verbs() -> dict[str, list[str]]:
    """The examples in the help of each verb, as it is printed."""
    command = get_command(app)
    names = [(name,) for name in command.commands if name != "weights"]  # type: ignore[attr-defined]
    names += [("weights", name) for name in command.commands["weights"].commands]  # type: ignore[attr-defined]
    found = {}
    for words in names:
        text = CliRunner().invoke(app, [*words, "--help"]).stdout
        found[" ".join(words)] = re.findall(r"^ {2,6}(medtl .+)$", text, flags=re.M)
    return found


def parsed(line: str) -> bool:
    """Whether the command exists and takes these words."""
    command, words = get_command(app), shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    command.make_context(command.name, words)
    return True


def test_every_verb_has_an_example_that_its_options_take() -> None:
    for verb, lines in verbs().items():
        assert lines, f"medtl {verb} --help shows no example"
        assert any(line.startswith(f"medtl {verb}") for line in lines), verb
        assert all(parsed(line) for line in lines)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as the examples suppose it: scans, labels, a manifest, a study, weights and a table of others."""
    for name in ("CACHE", "HOME", "WEIGHTS"):
        monkeypatch.setenv(f"MEDTL_{name}", str(tmp_path / "own" / name.lower()))
    folder = tmp_path / "desk"
    (folder / "scans").mkdir(parents=True)
    chance = np.random.default_rng(5)
    rows, labels, theirs = [], [], []
    for number in range(PATIENTS):
        case, label = f"p{number:02d}", ("healthy", "nodule")[number % 2]
        pixels = chance.integers(0, 120, (32, 32)).astype(np.uint8)
        pixels[8:20, 8:20] += 100 * (number % 2)
        Image.fromarray(pixels).save(folder / "scans" / f"{case}.png")
        split = "test" if number >= PATIENTS - 6 else "train"
        rows.append((case, case, f"scans/{case}.png", label, split))
        labels.append((case, label))
        role, site = ("test", "validation")[number % 3 == 0], ("north", "south")[number // 2 % 2]
        theirs.append((case, case, 0, role, label, 0.6 - 0.01 * number, 0.4 + 0.01 * number, site))
    for name, head, cells in (
        ("manifest.csv", ("case_id", "patient_id", "image", "label", "official_split"), rows),
        ("labels.csv", ("patient_id", "label"), labels),
        ("theirs.csv", ("case_id", "patient_id", "fold", "role", "truth", "p_healthy", "p_nodule", "site"), theirs),
    ):
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows([head, *cells])
    (folder / "study.yaml").write_text(STUDY)
    last = {"fc.weight": torch.ones(1000, 512), "fc.bias": torch.zeros(1000)}
    save_file(build_untrained(find_encoder("resnet18"), seed=1).tensors() | last, folder / "resnet18.safetensors")
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_every_example_works_as_it_is_printed(desk: Path) -> None:
    found = verbs()
    first = [verb for start in ORDER for verb in found if start in (verb, verb.split()[0])]
    for verb in dict.fromkeys((*first, *found)):
        for line in () if verb in NOT_GIVEN else found[verb]:
            words = shlex.split(line)[1:]
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, f"{line}\n{done.stderr}\n{done.exception!r}"
