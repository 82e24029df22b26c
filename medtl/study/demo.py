"""The guided tour: the whole way on phantoms, through the code that serves every study.

A source task with plenty of phantom cases lends an encoder to a small target task. Nothing here is real, and every
page says so.
"""

from __future__ import annotations

import os
from pathlib import Path

from medtl.cohort.phantoms import write_phantom_cohort
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.study.pretrain import pretrain_encoder
from medtl.study.run import run_study
from medtl.study.settings import study_from, write_study

ENCODER = "phantom-resnet10"
SEED = 7
SOURCE = {
    "name": "phantom-source",
    "question": "Which of the source task's textures does a phantom show?",
    "encoder": "resnet10",
    "identifiers": "as_in_manifest",
    "folds": {"count": 5, "seed": SEED},
    "preparation": {"preset": "radiograph", "size_px": [48, 48]},
    "recipe": {"epochs": 12, "batch_size": 32, "learning_rate": 2.0e-3},
}
TARGET = {
    "name": "phantom-demo",
    "question": "Does an encoder pretrained on other phantoms find nodules better than one trained from scratch?",
    "encoder": ENCODER,
    "identifiers": "as_in_manifest",
    "folds": {"count": 5, "seed": SEED},
    "preparation": {"preset": "radiograph", "size_px": [48, 48]},
    "adaptation": {"policy": ["lp_ft", "scratch"], "encoder_rate": 0.03},
    "recipe": {"epochs": 6, "batch_size": 16, "learning_rate": 1.0e-3},
}


def run_demo(out: Path) -> Path:
    """Draw the phantoms, pretrain, and study; gives the path of the report. The weight store is the demo's own."""
    say("Drawing phantoms: these are not patients.")
    paths = write_phantom_cohort(out / "phantoms", seed=SEED)
    source = study_from({**SOURCE, "manifest": str(paths.source_manifest.resolve())}, folder=out)
    target = study_from({**TARGET, "manifest": str(paths.target_manifest.resolve())}, folder=out)
    write_study(source, out / "source.yaml")
    write_study(target, out / "target.yaml")
    os.environ["MEDTL_WEIGHTS"] = os.pathsep.join(filter(None, [str(out / "weights"), os.environ.get("MEDTL_WEIGHTS")]))
    pretrain_encoder(source, name=ENCODER, device="auto", replace=True)
    run = run_study(target, out=_fresh(out / "run"), device="auto")
    return run / names.REPORT


def _fresh(folder: Path) -> Path:
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate
