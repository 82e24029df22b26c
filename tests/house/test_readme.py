"""The README is true: every command block in it is executed, on the files that it shows."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from bad_server import serving, whole
from PIL import Image
from safetensors.torch import save_file

from medtl.encoders import build_untrained, find_encoder

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/choosing.md", "docs/volumes.md", "docs/benchmarks.md")
"""The pages that show commands, in the order in which they are read."""

README = "\n".join((ROOT / page).read_text() for page in PAGES)
MOST_BYTES = 9000
BIN = Path(sys.executable).parent
SMALL = "--set preparation.size_px=[32,32] --set recipe.epochs=1 --set resamples=100 --set saliency.cases_per_fold=2"
"""Added to `medtl run`, so that a network can be trained in seconds: nothing else of the README is changed."""


def blocks(kind: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.M | re.S)


def run(line: str, *, folder: Path, **also: str) -> subprocess.CompletedProcess[str]:
    """One line of a block, as a user would type it."""
    home = {name: str(folder / "private" / name) for name in ("MEDTL_WEIGHTS", "MEDTL_CACHE", "MEDTL_HOME")}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    words = [str(ROOT / word) if word.startswith("pipelines/") else word for word in shlex.split(line)]
    return subprocess.run(
        words, cwd=folder, env={**os.environ, **home, "PATH": path, **also}, capture_output=True, text=True, check=False
    )


def imagenet_classifier(features: int) -> dict[str, torch.Tensor]:
    """The last layer that shows a file of ImageNet's 1,000 classes."""
    return {"fc.weight": torch.ones(1000, features), "fc.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README supposes it: its manifest continued to 24 patients, its study, a file of weights."""
    folder = tmp_path_factory.mktemp("a desk")
    (csv,), study = blocks("csv"), blocks("yaml")[0]
    header, first, second = csv.strip().split("\n")
    chance = np.random.default_rng(3)
    lines = [header, first, second]
    for number in range(2, 24):
        label, site = ("healthy", "nodule")[number % 2], ("north", "south")[number // 2 % 2]
        lines.append(f"c{number + 1:02d},p{number:02d},images/c{number + 1:02d}.png,{label},{site},F,{40 + number}")
    (folder / "images").mkdir()
    for line in lines[1:]:
        cells = line.split(",")
        picture = chance.integers(0, 160, (48, 40), dtype=np.uint8)
        picture[10:20, 10:20] += 90 if cells[3] == "nodule" else 0
        Image.fromarray(picture).save(folder / cells[2])
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(study)
    for name, features in (("resnet18", 512), ("resnet50", 2048)):
        save_file(
            build_untrained(find_encoder(name), seed=1).tensors() | imagenet_classifier(features),
            folder / f"{name}.safetensors",
        )
    return folder


@pytest.fixture(scope="module", autouse=True)
def publisher(desk: Path) -> Iterator[None]:
    """The publisher of the weights, as a mirror on this machine."""

    def publish(handler: BaseHTTPRequestHandler) -> None:
        _, _, repository, *rest = handler.path.split("/")
        assert rest == ["resolve", "main", "model.safetensors"]
        whole((desk / f"{repository.partition('.')[0]}.safetensors").read_bytes())(handler)

    with serving() as server, pytest.MonkeyPatch.context() as patch:
        server.replies[:] = [publish]
        patch.setenv("MEDTL_WEIGHTS_MIRROR", server.address)
        patch.setenv("no_proxy", "127.0.0.1")
        yield


def test_the_readme_has_the_blocks_that_are_executed_here_and_no_other() -> None:
    shown = [block.strip().split("\n") for block in blocks("bash")]
    assert [lines[0].split()[0] for lines in shown] == ["make", "medtl", "python", "medtl", "medtl", "medtl", "make"]
    kinds = ["bash", "csv", "yaml", "bash", "bash", "python", "bash", "bash", "yaml", "bash", "yaml", "bash"]
    assert re.findall(r"^```(\w+)$", README, flags=re.M) == kinds


def test_the_readme_is_short_and_no_other_page_shows_a_command() -> None:
    assert (ROOT / "README.md").stat().st_size <= MOST_BYTES
    elsewhere = {ROOT / "docs" / "notebook.md"}  # its lines are run in tests/study/test_notebook.py
    others = {page for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in PAGES} - elsewhere
    assert not [page.name for page in others if re.search(r"^```(?:bash|python)$", page.read_text(), flags=re.M)]


def test_every_link_of_the_readme_and_the_docs_leads_to_a_file() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.slow
def test_a_first_study_runs_as_the_readme_says(desk: Path) -> None:
    output = {}
    for line in blocks("bash")[1].strip().split("\n"):
        done = run(f"{line} {SMALL}" if line.startswith("medtl run") else line, folder=desk)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        output[line.split()[1]] = done.stdout
    assert "no pretrained weights in the store" in output["doctor"]
    assert "24 cases in the manifest, 24 studied, of 23 patients" in output["check"]
    assert (desk / output["run"].strip()).is_file()
    assert "runs/first/report.html" in output["report"]
    predictions = pd.read_csv(desk / "runs" / "first" / "predictions.csv")
    assert set(predictions["model"]) == {"lp_ft", "scratch", "probe", "centroid"}
    (example,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", example], cwd=desk, capture_output=True, text=True, check=True)
    assert 0.0 <= float(done.stdout) <= 1.0
    assert not set(predictions["patient_id"]) & {f"p{number:02d}" for number in range(25)}, "ids must be pseudonyms"


@pytest.mark.slow
def test_choosing_sealing_judging_and_comparing_run_as_the_readme_says(desk: Path) -> None:
    if not (desk / "runs" / "first").is_dir():
        for line in blocks("bash")[1].strip().split("\n"):
            run(f"{line} {SMALL}" if line.startswith("medtl run") else line, folder=desk)
    header, *lines = (desk / "manifest.csv").read_text().strip().split("\n")
    splits = ["test" if number >= 18 else "train" for number in range(len(lines))]
    (desk / "split.csv").write_text("\n".join([f"{header},split", *map(",".join, zip(lines, splits, strict=True))]))
    (desk / "second.yaml").write_text(blocks("yaml")[1].replace("manifest.csv", "split.csv"))
    shutil.copy(desk / "runs" / "first" / "predictions.csv", desk)
    for line in (
        *blocks("bash")[3].strip().split("\n"),
        *(f"{line} --set preparation.size_px=[32,32]" for line in blocks("bash")[4].strip().split("\n")),
        f"medtl run second.yaml --out runs/second --set folds.count=2 {SMALL}",
        "medtl unseal runs/second",
        *blocks("bash")[5].strip().split("\n"),
    ):
        done = run(line, folder=desk)
        if line.endswith("--pdf") and importlib.util.find_spec("weasyprint") is None:
            assert "pip install 'medtl[pdf]'" in done.stderr
        else:
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    predictions = pd.read_csv(desk / "runs" / "second" / "predictions.csv")
    assert {"selected", "lp_ft@0.0003", "probe@resnet50-imagenet", "lp_ft@resnet50-imagenet-0.0003"} <= set(
        predictions["model"]
    )
    assert predictions["case_id"].nunique() == 18
    for page in ("audit/audit.html", "judged/report.html", "compared/report.html", "runs/second/report.html"):
        assert (desk / page).is_file()


@pytest.mark.slow
def test_the_study_of_volumes_runs_as_the_readme_says(desk: Path) -> None:
    folder = desk / "volumes"
    (folder / "scans").mkdir(parents=True)
    (folder / "study.yaml").write_text(blocks("yaml")[2])
    chance, lines = np.random.default_rng(5), ["case_id,patient_id,image,label"]
    for number in range(20):
        label = ("small", "large")[number % 2]
        voxels = chance.integers(60, 160, (33, 42, 26), dtype=np.uint8)
        voxels[10:18, 12:20, 8:16] += 90 if label == "large" else 0
        nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(folder / "scans" / f"v{number}.nii.gz")
        lines.append(f"v{number},p{number},scans/v{number}.nii.gz,{label}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    for line in (
        "medtl weights import ../resnet18.safetensors --as resnet18-imagenet --replace",
        "medtl run study.yaml --out run --set recipe.epochs=1 --set resamples=100 --set preparation.spacing_mm=[1,1,2] "
        "--set folds.count=2",
    ):
        done = run(line, folder=folder)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    predictions = pd.read_csv(folder / "run" / "predictions.csv")
    assert set(predictions["model"]) == {"probe", "centroid", "lp_ft"}
    maps = pd.read_csv(folder / "run" / "fold_0" / "saliency" / "maps.csv")
    assert len(maps) == 10, "every out-of-fold volume has its map"
    first = nibabel.load(folder / "run" / "fold_0" / "saliency" / maps["map_file"][0])
    assert first.shape == (33, 42, 26)
    assert np.array_equal(first.affine, np.eye(4))


def test_the_script_of_the_readme_prints_its_study(desk: Path) -> None:
    (line,) = blocks("bash")[2].strip().split("\n")
    done = run(line, folder=desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("name: pneumonia-radiographs\n")


HANGS_SECONDS = 2900
"""Alone the demo takes two minutes; on a machine that others use it may take as long as it likes."""


@pytest.mark.slow
def test_make_demo_writes_a_report_in_which_the_borrowed_encoder_wins_and_every_page_says_phantom(
    tmp_path: Path,
) -> None:
    assert blocks("bash")[0].split("\n")[0] == "make demo"
    out = tmp_path / "demo run"
    done = subprocess.run(
        ["make", "--no-print-directory", "demo", f"OUT={out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = Path(done.stdout.strip().split("\n")[-1])
    assert report == out / "run" / "report.html"
    for page in (report, *(report.parent / f"fold_{fold}" / "report.html" for fold in range(5))):
        assert "phantoms made by a computer" in page.read_text(), page
    predictions = pd.read_csv(report.parent / "predictions.csv")
    tested = predictions[predictions["role"] == "test"]
    areas = {model: auroc_by_patient(rows) for model, rows in tested.groupby("model")}
    assert areas["probe"] > areas["scratch"] + 0.1
    assert areas["lp_ft"] > areas["scratch"] + 0.1


def auroc_by_patient(rows: pd.DataFrame) -> float:
    """scikit-learn's AUROC of the mean probability per patient."""
    from sklearn.metrics import roc_auc_score

    patients = rows.groupby(["patient_id", "truth"])["p_nodule"].mean().reset_index()
    return float(roc_auc_score(patients["truth"] == "nodule", patients["p_nodule"]))


@pytest.mark.parametrize("target", ["venv", "demo", "test", "check", "coverage", "docs", "benchmark"])
def test_make_knows_its_targets(target: str) -> None:
    """`make test` runs this test, so here it only prints what it would do."""
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = {
        "test": "pytest", "check": "mypy", "demo": "medtl demo", "coverage": "--cov=medtl", "docs": "sphinx",
        "benchmark": "benchmark",
    }  # fmt: skip
    assert said.get(target, "") in done.stdout
