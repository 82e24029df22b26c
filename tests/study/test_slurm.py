"""A study as jobs of Slurm: what the files say, and on a real cluster of two nodes the bytes of one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_bytes import same
from shared_data import SHARED

from medtl.record.inventory import unknown_files
from medtl.record.run_status import status_of
from medtl.study.settings import read_study
from medtl.study.slurm import ClusterSettings, write_jobs

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., Any]
TOOL = SHARED / "tools" / "slurm_cluster.sh"
MISSING = [name for name in ("sbatch", "slurmctld", "slurmd", "munged") if shutil.which(name) is None]
CLUSTER = pytest.mark.skipif(
    bool(MISSING) or not TOOL.is_file() or os.geteuid() != 0,
    reason=f"a cluster of two nodes needs root, slurm-wlm, munge and a script that starts it; missing: {MISSING}",
)
SETTINGS: dict[str, Any] = {
    "folds": {"count": 3, "seed": 7}, "adaptation": {"policy": ["lp_ft"]}, "recipe": {"epochs": 3, "batch_size": 8},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """Jobs find this medtl by its name, and compute with one thread as the run that they are compared with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        yield


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any], medtl: Medtl
) -> Path:
    """A study's folder, with its run in one process."""
    folder = tmp_path_factory.mktemp("a desk")
    study = new_cohort(folder / "data").write(**SETTINGS)
    done = medtl("run", study, "--out", folder / "plain")
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        done = subprocess.run(["bash", str(TOOL), "up", str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"the cluster did not start: {done.stderr.strip()}")
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            yield
        finally:
            subprocess.run(["scancel", "--user=root"], capture_output=True, check=False)
            subprocess.run(["bash", str(TOOL), "down", str(folder)], capture_output=True, check=False)


# What the files say


def lines_of(job: Path) -> list[str]:
    assert subprocess.run(["bash", "-n", str(job)], check=False).returncode == 0
    return job.read_text().splitlines()


def test_the_jobs_are_plain_files_with_relative_paths_that_bash_can_read(
    plain: Path, medtl: Medtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain)
    done = medtl(
        "slurm", "data/study.yaml", "--out", "of slurm/run 1", "--partition", "gpu", "--account", "mri", "--time",
        "4:00:00", "--memory", "16G", "--cpus", 8, "--at-once", 2, "--set", "resamples=120",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.strip() == "of slurm/run 1/slurm/submit.sh"
    folder = plain / "of slurm" / "run 1" / "slurm"
    prepare, folds, close = (lines_of(folder / f"{name}.sbatch") for name in ("prepare", "folds", "close"))
    assert {"#SBATCH --partition=gpu", "#SBATCH --account=mri", "#SBATCH --time=4:00:00", "#SBATCH --mem=16G",
            "#SBATCH --cpus-per-task=8", "#SBATCH --gres=gpu:1", "#SBATCH --array=0-2%2", "#SBATCH --requeue",
            "#SBATCH --signal=B:USR1@120", '#SBATCH --output="of slurm/run 1/logs/%x-%A_%a.log"',
            } <= set(folds)  # fmt: skip
    assert "medtl fold 'of slurm/run 1' --fold \"$SLURM_ARRAY_TASK_ID\" --device cuda &" in folds
    whole = "medtl run 'of slurm/run 1/study.yaml' --out 'of slurm/run 1' --device cuda --resume"
    assert f"{whole} --prepare-only &" in prepare
    assert f"{whole} &" in close
    text = "".join((folder / name).read_text() for name in ("prepare.sbatch", "folds.sbatch", "close.sbatch"))
    assert str(plain) not in text + (folder / "submit.sh").read_text(), "a run folder names no place of its owner's"
    assert read_study(folder.parent / "study.yaml").resamples == 120
    assert "afterok:$folds" in (folder / "submit.sh").read_text()
    assert lines_of(folder / "submit.sh")


def test_a_container_and_the_processor_are_asked_for(plain: Path) -> None:
    study = read_study(plain / "data" / "study.yaml")
    jobs = write_jobs(study, plain / "c", ClusterSettings(container="image.sif", gpus_a_fold=0))
    assert "apptainer exec image.sif medtl fold" in (jobs.folder / "folds.sbatch").read_text()
    assert "--gres" not in (jobs.folder / "folds.sbatch").read_text()
    jobs = write_jobs(study, plain / "c", ClusterSettings(container="image.sif"))
    assert "apptainer exec --nv image.sif medtl fold" in (jobs.folder / "folds.sbatch").read_text()


def test_the_array_has_the_folds_that_the_study_has(
    new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path
) -> None:
    cohort = new_cohort(tmp_path / "data")
    for number, row in enumerate(cohort.rows):
        row["site"] = f"site {number % 4}"
    for folds, expected in (
        ({"count": 5, "repeats": 2}, "0-9"),
        ({"from_column": "site"}, "0-3"),
    ):
        study, out = cohort.write(folds=folds), tmp_path / expected
        assert medtl("slurm", study, "--out", out).code == 0
        assert f"--array={expected}\n" in (out / "slurm" / "folds.sbatch").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gpus-per-fold", "2"), "--gpus-per-fold is 0 (processor) or 1; got 2. A fold is trained on one GPU"),
        (("--partition", 'a"b'), "'a\"b' cannot stand in a line of sbatch: it has a quote or a line break."),
    ],
)
def test_what_a_job_cannot_ask_for_is_refused(
    words: tuple[str, ...], message: str, plain: Path, medtl: Medtl, tmp_path: Path
) -> None:
    done = medtl("slurm", plain / "data" / "study.yaml", "--out", tmp_path / "run", *words)
    assert done.code == 2
    assert message in done.err


def test_a_folder_with_another_run_is_refused(
    plain: Path, medtl: Medtl, tmp_path: Path, new_cohort: Callable[[Path], Any]
) -> None:
    study = new_cohort(tmp_path / "data").write(**SETTINGS | {"recipe": {"epochs": 4, "batch_size": 8}})
    done = medtl("slurm", study, "--out", plain / "plain")
    assert done.code == 2
    assert "plain holds a run of another study" in done.err


def test_several_studies_have_folders_of_their_own(
    plain: Path, medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = plain / "data" / "study.yaml"
    other = tmp_path / "other.yaml"
    other.write_text(study.read_text().replace("name: tiny", "name: second"))
    done = medtl("slurm", study, other, "--out", tmp_path / "run")
    assert done.code == 2
    assert "--out names the folder of one run, and several studies were given" in done.err
    monkeypatch.chdir(tmp_path)
    shutil.copytree(plain / "data", tmp_path / "data")
    done = medtl("slurm", "data/study.yaml", "other.yaml")
    assert done.out.split() == ["runs/tiny/slurm/submit.sh", "runs/second/slurm/submit.sh"]


def test_without_slurm_the_files_are_written_and_it_is_said(
    plain: Path, medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medtl.study.slurm.shutil.which", lambda name: None)
    done = medtl("slurm", plain / "data" / "study.yaml", "--out", tmp_path / "run", "--submit")
    assert done.code == 2
    assert "There is no sbatch on this machine. The jobs are written: submit them with bash" in done.err
    assert (tmp_path / "run" / "slurm" / "submit.sh").is_file()


# On a cluster


def submitted(plain: Path, out: str, medtl: Medtl, *words: str) -> list[str]:
    done = medtl("slurm", "data/study.yaml", "--out", out, "--gpus-per-fold", 0, "--cpus", 1, "--submit", *words)
    assert done.code == 0, done.err
    numbers: list[str] = done.out.split()
    assert len(numbers) == 3
    return numbers


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and not found():
        time.sleep(0.2)
    assert found(), subprocess.run(["squeue"], capture_output=True, text=True, check=False).stdout


def is_over(*jobs: str) -> bool:
    listed = subprocess.run(
        ["squeue", "-h", "-j", ",".join(jobs), "-o", "%i"], capture_output=True, text=True, check=False
    )
    return not listed.stdout.strip()


@CLUSTER
@pytest.mark.slow
def test_tasks_that_are_killed_requeued_or_warned_end_in_the_same_bytes(
    plain: Path, cluster: None, medtl: Medtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three runs at once, since a job that is queued again waits."""
    monkeypatch.chdir(plain)
    numbers = {how: submitted(plain, how, medtl) for how in ("killed", "requeued", "warned")}
    for how, (_, array, _) in numbers.items():
        out, task = plain / how, f"{array}_1"
        until(lambda out=out: any(out.glob("fold_1/training/*/state-1.json")) or (out / "fold_1/DONE.json").is_file())
        command = {
            "killed": ["scancel", "--signal=KILL", "--full", task],
            "requeued": ["scontrol", "requeue", task],
            "warned": ["scancel", "--signal=USR1", "--batch", task],
        }[how]
        subprocess.run(command, check=False, capture_output=True)
    jobs = [job for three in numbers.values() for job in three]
    arrays = [array for _, array, _ in numbers.values()]
    until(lambda: start_now(*arrays) or is_over(*jobs))
    for how in numbers:
        if not status_of(plain / how).is_finished:  # Slurm queues a killed task again, or ends it for good
            assert how == "killed"
            found = {part.name: part.state for part in status_of(plain / how).parts}
            assert found["fold 1"] in ("stopped", "done"), "the part that failed is named, the others are whole"
            assert found["fold 0"] == found["fold 2"] == "done"
            assert medtl("run", "data/study.yaml", "--out", how, "--resume").code == 0
        same(plain / how, plain / "plain")
        assert unknown_files(plain / how) == ()
        assert medtl("verify", how).code == 0


def start_now(*arrays: str) -> None:
    """Spare the test the two minutes that Slurm lets a job wait that is queued again."""
    for array in arrays:
        command = ["scontrol", "update", f"JobId={array}_1", "StartTime=now"]
        subprocess.run(command, check=False, capture_output=True)


@CLUSTER
def test_sbatchs_own_words_are_shown_and_no_job_is_left(
    plain: Path, cluster: None, medtl: Medtl, tmp_path: Path
) -> None:
    done = medtl(
        "slurm",
        plain / "data" / "study.yaml",
        "--out",
        tmp_path / "run",
        "--partition",
        "nowhere",
        "--gpus-per-fold",
        0,
        "--submit",
    )
    assert done.code == 2
    assert "sbatch refused prepare.sbatch: " in done.err
    assert "invalid partition specified: nowhere" in done.err
    assert "No job is left in the queue" in done.err
