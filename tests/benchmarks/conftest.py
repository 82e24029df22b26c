"""What the benchmarks share: images, studies in a temporary folder, fresh processes, and one table at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
import yaml
from shared_data import SHARED

from medtl import environment
from medtl.cohort.phantoms import SOURCE_PATIENTS, write_phantom_cohort
from medtl.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
RADIOGRAPHS = SHARED / "data" / "kermany_cxr_224"
RESNET18 = SHARED / "weights" / "resnet18.pqf_in1k.safetensors"
COLUMNS = ("name", "medtl", "plain", "ratio", "target")


@dataclass
class Table:
    """The rows that were measured, and under them the sentences that explain them."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, medtl: str, plain: str = "", ratio: str = "", target: str = "") -> None:
        """One row; cells carry their units."""
        self.rows.append((name, medtl, plain, ratio, target))

    def note(self, sentence: str) -> None:
        """How a number came about."""
        self.notes.append(sentence)

    def text(self) -> str:
        """The table as it is printed."""
        lines = [COLUMNS, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
        drawn = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return (
            "\n".join(
                line.rstrip()
                for line in [drawn[0], "-" * (sum(widths) + 2 * len(widths) - 2), *drawn[1:], "", *self.notes]
            )
            + "\n"
        )


@dataclass(frozen=True)
class Fresh:
    """What a command did in a process of its own."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    output: str


@dataclass(frozen=True)
class Images:
    """What is measured on: a manifest, the folder its paths start from, an encoder, and all that in words."""

    manifest: Path
    folder: Path
    encoder: str
    words: str


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """The table of all benchmarks; printed at the end, and written to the file that MEDTL_BENCHMARK_OUT names."""
    found = Table()
    versions = environment.versions()
    named = ", ".join(f"{name} {versions[name]}" for name in ("medtl", "torch", "monai", "numpy", "scikit-learn"))
    found.note(f"{os.cpu_count()} processors, {environment.machine()['platform']}, {named}.")
    found.note(f"Load of the machine before the first measurement: {os.getloadavg()[0]:.1f} (last minute).")
    yield found
    text = found.text()
    print(f"\n\n{text}")
    if place := os.environ.get("MEDTL_BENCHMARK_OUT"):
        write_atomically(Path(place), text)


@pytest.fixture(scope="session")
def fresh(folder: Path) -> Callable[..., Fresh]:
    """Runs `python ...` in a fresh process; `cache` names one of its own, `threads` holds arithmetic to so many."""

    def run(*command: object, cache: str = "cache", threads: int | None = None) -> Fresh:
        variables = {
            **os.environ,
            **({} if threads is None else {"OMP_NUM_THREADS": str(threads)}),
            "MEDTL_CACHE": str(folder / cache),
            "MEDTL_HOME": str(folder / "home"),
            "MEDTL_WEIGHTS": str(folder / "weights"),
        }
        launcher = [sys.executable, str(Path(__file__).with_name("fresh_process.py")), sys.executable]
        done = subprocess.run(
            [*launcher, *map(str, command)], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
        )
        facts = json.loads(done.stdout)
        assert facts["exit_code"] == 0, facts["errors"]
        return Fresh(facts["seconds"], facts["processor_seconds"], facts["peak_bytes"], facts["output"])

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is written."""
    return tmp_path_factory.mktemp("benchmarks")


@pytest.fixture(scope="session")
def phantoms(folder: Path) -> Callable[[int], Images]:
    """So many phantoms of the source task, one a patient, with an untrained network."""
    manifest = write_phantom_cohort(folder / "phantoms", seed=7).source_manifest

    def some(count: int) -> Images:
        subset = _subset(manifest, count, folder / f"phantoms-{count}.csv")
        return Images(subset, manifest.parent, "resnet18", f"{count} phantoms, untrained resnet18")

    return some


@pytest.fixture(scope="session")
def images(folder: Path, fresh: Callable[..., Fresh], phantoms: Callable[[int], Images]) -> Callable[[int], Images]:
    """So many radiographs with ImageNet weights when they lie beside the checkout, else phantoms and chance."""
    if not (RADIOGRAPHS.is_dir() and RESNET18.is_file()):
        return lambda count: phantoms(min(count, SOURCE_PATIENTS))
    fresh("-m", "medtl", "weights", "import", RESNET18, "--as", "resnet18-imagenet")

    def some(count: int) -> Images:
        subset = _subset(RADIOGRAPHS / "manifest.csv", count, folder / f"radiographs-{count}.csv")
        words = f"{count} chest radiographs of 224 x 224 pixels, resnet18-imagenet"
        return Images(subset, RADIOGRAPHS, "resnet18-imagenet", words)

    return some


@pytest.fixture(scope="session")
def write_study(folder: Path) -> Callable[..., Path]:
    """Writes a study of images as YAML; keywords change its settings."""

    def write(name: str, images: Images, **changes: object) -> Path:
        values: dict[str, object] = {
            "name": name,
            "manifest": str(images.manifest),
            "data_root": str(images.folder),
            "folds": {"count": 5, "seed": 7},
            "preparation": {"preset": "radiograph", "size_px": [224, 224]},
            "encoder": images.encoder,
            "adaptation": {"policy": "probe"},
            "identifiers": "as_in_manifest",
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**values, **changes}))
        return path

    return write


def _subset(manifest: Path, count: int, place: Path) -> Path:
    """As many lines of each label, evenly over the manifest."""
    lines = pd.read_csv(manifest)
    each = count // lines["label"].nunique()
    parts = [part.iloc[:: len(part) // each].head(each) for _, part in lines.groupby("label")]
    pd.concat(parts).to_csv(place, index=False)
    return place
