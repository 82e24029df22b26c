"""An honest map passes every check; a network that looks at a marker, and a map that ignores the network, do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.cohort import Case, Cohort
from medtl.encoders import build_untrained, find_encoder
from medtl.explanation import FoldModels, SaliencySettings, check_saliency
from medtl.explanation import saliency_checks as room
from medtl.explanation.check_verdicts import judged
from medtl.explanation.saliency import RawSaliency
from medtl.folds.table import FoldTable, table_of
from medtl.imaging import PreparationSettings, ScanFacts
from medtl.record.saliency_checks import CheckVerdict, SaliencyChecks
from medtl.training import StudyData

SIDE, CASES, CHECKED = 64, 32, 10
STEPS = 30


def scan_of(number: int, *, at_the_border: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A noisy body on black with a mark, striped for class 1 and plain for class 0, and where the mark is.

    The mark lies anywhere off the middle within the body, or at the upper border as letters on a film do.
    """
    chance = np.random.default_rng(number)
    scan = np.zeros((SIDE, SIDE), np.float32)
    scan[6:-6, 6:-6] = 0.3 + 0.05 * chance.random((SIDE - 12, SIDE - 12))
    height, width = (6, 24) if at_the_border else (14, 14)
    pattern = np.full((height, width), 0.95, np.float32)
    if number % 2:
        pattern[:, ::4] = pattern[:, 1::4] = 0.0
    row, column = (10, 12, 38, 40)[int(chance.integers(4))], (10, 12, 36, 40)[int(chance.integers(4))]
    if at_the_border:
        row = 0
    scan[row : row + height, column : column + width] = pattern
    there = np.zeros((SIDE, SIDE), bool)
    there[row : row + height, column : column + width] = True
    return scan, there


@dataclass(frozen=True)
class Scans:
    """Stands in for a prepared cohort."""

    at_the_border: bool

    def pixels(self, case_id: str) -> np.ndarray:
        return scan_of(int(case_id[1:]), at_the_border=self.at_the_border)[0][None]

    @property
    def facts(self) -> dict[str, ScanFacts]:
        own = ScanFacts(
            sha256="",
            pixel_sha256="",
            perceptual_hash="",
            border=None,
            shape=(SIDE, SIDE),
            channels=1,
            spacing_mm=None,
            reader="",
        )
        return {f"c{number}": own for number in range(CASES)}


def learnt(seed: int, *, at_the_border: bool) -> Classifier:
    """A small network trained on other scans of the same kind until it distinguishes the marks."""
    classifier = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=seed), classes=2, seed=seed)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    classifier.train()
    for step in range(STEPS):
        numbers = range(10_000 * (seed + 1) + 16 * step, 10_000 * (seed + 1) + 16 * (step + 1))
        scans = torch.from_numpy(np.stack([scan_of(n, at_the_border=at_the_border)[0][None] for n in numbers]))
        loss = torch.nn.functional.cross_entropy(classifier(scans), torch.tensor([n % 2 for n in numbers]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def honest() -> tuple[Classifier, Classifier]:
    return learnt(0, at_the_border=False), learnt(1, at_the_border=False)


def study_of(
    networks: Sequence[Classifier], *, folder: Path | None = None, at_the_border: bool = False
) -> tuple[StudyData, FoldModels]:
    """Half of the cases are tested in either fold; with a folder, masks of the marks lie in it."""
    cases = []
    for number in range(CASES):
        mask = None if folder is None else folder / f"{number}.png"
        if mask is not None:
            Image.fromarray(scan_of(number)[1].astype(np.uint8) * 255).save(mask)
        cases.append(
            Case(
                case_id=f"c{number}", patient_id=f"p{number}", image=Path(f"/none/{number}.png"),
                label=("plain", "striped")[number % 2], line=number + 2, mask=mask, chance_key=str(number),
            )
        )  # fmt: skip
    cohort = Cohort(cases=tuple(cases), classes=("plain", "striped"))
    rows = [
        (0, fold, case, "test" if (index < CASES // 2) == (fold == 0) else "training")
        for fold in range(len(networks))
        for index, case in enumerate(cases)
    ]
    data = StudyData(
        cohort=cohort,
        groups={},
        prepared=Scans(at_the_border),  # type: ignore[arg-type]
        preparation=PreparationSettings(size_px=(SIDE, SIDE)),
        scans=None,  # type: ignore[arg-type]
        encoders={},
        features={},
        store=None,  # type: ignore[arg-type]
        seed=3,
    )
    return data, FoldModels(
        folds=FoldTable(table_of(rows).rows),
        fitted=lambda fold: ("scratch", networks[fold]),
        finished={fold: f"made-{fold}" for fold in range(len(networks))},
        stage=None,
    )


def by_name(verdicts: tuple[CheckVerdict, ...]) -> dict[str, bool | None]:
    return {one.name: one.passes for one in verdicts}


SETTINGS = SaliencySettings(cases_per_fold=CHECKED)


def test_an_honest_map_passes_every_check(honest: tuple[Classifier, Classifier], tmp_path: Path) -> None:
    found = check_saliency(*study_of(honest, folder=tmp_path), SETTINGS, path=tmp_path / "checks.json")
    assert by_name(found.verdicts) == dict.fromkeys(
        ("randomisation", "repeatability", "random_masks", "centre", "outside", "border", "lesions"), True
    )
    assert found.lesions is not None
    assert found.lesions.points_at > 0.7 > 0.2 > found.lesions.centre_points_at
    assert found.lesions.overlap is not None
    assert found.lesions.centre_overlap is not None
    assert found.lesions.overlap > found.lesions.centre_overlap
    assert {case.repeated.role for one in found.folds for case in one.cases if case.repeated} == {"training"}
    assert SaliencyChecks.model_validate(json.loads((tmp_path / "checks.json").read_text())) == found


def test_a_network_that_looks_at_a_marker_at_the_border_fails_by_its_energy(tmp_path: Path) -> None:
    networks = [learnt(seed, at_the_border=True) for seed in (0, 1)]
    data, models = study_of(networks, at_the_border=True)
    models = replace(models, stage="layer1")  # layer2 smears the border
    found = by_name(check_saliency(data, models, SETTINGS, path=tmp_path / "checks.json").verdicts)
    assert found["border"] is False
    assert found["randomisation"] is True


def test_a_map_that_ignores_the_network_fails_by_randomisation(honest: tuple[Classifier, Classifier]) -> None:
    def edges(_classifier: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        steep = [np.abs(np.stack(np.gradient(scan[0].numpy()))).sum(0) for scan in scans]
        coarse = [each.reshape(8, SIDE // 8, 8, SIDE // 8).mean(axis=(1, 3)) for each in steep]
        return tuple(RawSaliency(target, each) for target, each in zip(targets, coarse, strict=True))

    data, models = study_of(honest)
    folds = tuple(
        room.check_fold(data, models, SETTINGS, fold=fold, fitted=models.fitted, make=edges) for fold in (0, 1)
    )
    found = judged(SaliencyChecks(method="hirescam", cases_per_fold=CHECKED, seed=3, folds=folds))
    assert by_name(found.verdicts)["randomisation"] is False
    assert by_name(found.folds[0].verdicts)["randomisation"] is False
    assert all(step.similarity == pytest.approx(1.0) for step in found.folds[0].cases[0].randomised)


def test_noise_is_neither_repeatable_nor_better_than_random_masks(honest: tuple[Classifier, Classifier]) -> None:
    chance = np.random.default_rng(0)

    def noise(_classifier: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        return tuple(RawSaliency(target, chance.random((8, 8))) for target in targets)

    data, models = study_of(honest)
    folds = tuple(
        room.check_fold(data, models, SETTINGS, fold=fold, fitted=models.fitted, make=noise) for fold in (0, 1)
    )
    found = by_name(judged(SaliencyChecks(method="hirescam", cases_per_fold=CHECKED, seed=3, folds=folds)).verdicts)
    assert found["repeatability"] is False
    assert found["random_masks"] is False


def test_a_map_of_zeros_is_counted_and_not_checked(honest: tuple[Classifier, Classifier]) -> None:
    def zeros(_classifier: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        return tuple(RawSaliency(target, np.zeros((8, 8), np.float32)) for target in targets)

    data, models = study_of(honest)
    one = room.check_fold(data, models, SETTINGS, fold=0, fitted=models.fitted, make=zeros)
    found = judged(SaliencyChecks(method="hirescam", cases_per_fold=CHECKED, seed=3, folds=(one,)))
    assert all(case.strength == 0 and case.by_map is None and not case.randomised for case in one.cases)
    assert set(by_name(found.verdicts).values()) == {None}
    assert all(verdict.why for verdict in found.verdicts)


@pytest.mark.parametrize(("threshold", "called"), [(0.0, {"striped"}), (1.1, {"plain"}), (None, {"plain", "striped"})])
def test_the_map_that_is_checked_is_that_of_the_class_called_at_the_folds_threshold(
    honest: tuple[Classifier, Classifier], threshold: float | None, called: set[str]
) -> None:
    def zeros(_classifier: Classifier, scans: torch.Tensor, targets: Sequence[int]) -> tuple[RawSaliency, ...]:
        return tuple(RawSaliency(target, np.zeros((8, 8), np.float32)) for target in targets)

    calls = []
    data, models = study_of(honest)
    models = replace(
        models, threshold=lambda fold, model: calls.append((fold, model)) or threshold  # type: ignore[func-returns-value]
    )  # fmt: skip
    found = room.check_fold(data, models, SETTINGS, fold=1, fitted=models.fitted, make=zeros)
    assert {case.target_class for case in found.cases} == called
    assert calls == [(1, "scratch")]


def test_a_stopped_run_goes_on_at_the_next_fold_and_a_fold_made_anew_is_checked_anew(
    honest: tuple[Classifier, Classifier], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = tmp_path / "checks.json", SaliencySettings(cases_per_fold=2)
    (data, models), calls = study_of(honest), []
    whole, check = check_saliency(data, models, settings, path=path), room.check_fold

    def noted(*words: object, fold: int, **more: object) -> object:
        calls.append(fold)
        return check(*words, fold=fold, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "check_fold", noted)
    assert check_saliency(data, models, settings, path=path) == whole
    assert calls == []
    again = replace(models, finished={0: "made-0", 1: "made anew"})
    check_saliency(data, again, settings, path=path)
    assert calls == [1]
    path.write_text("{")
    assert check_saliency(data, models, settings, path=path) == whole
    assert calls == [1, 0, 1]
    check_saliency(data, models, SaliencySettings(cases_per_fold=3), path=path)
    assert calls == [1, 0, 1, 0, 1]
