"""sources.json: how well frozen probes of several pretrained encoders do on one study, and what each costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from medtl.record.studied_cohort import StudiedCohort
from medtl.record.typed_files import Count, Frozen, Text, read_typed, write_typed

SOURCES, SOURCES_CSV, SOURCES_PAGE = "sources.json", "sources.csv", "sources.html"
DISPUTED_PICTURES = "disputed"
COMPARE_ANEW = "Run medtl sources again."

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class AurocFound(Frozen):
    """A pooled out-of-fold AUROC with its 95 % interval by patient, or the reason for there being none."""

    value: Share | None
    low: Share | None
    high: Share | None
    reason: Text | None = None


class SourceCandidate(Frozen):
    """An encoder with its frozen probe.

    `name` is the model's name in predictions.csv. `is_random` marks the network with random weights, whose `encoder` is
    the one that it has the architecture of; `is_otherwise_normalised` a second row of `encoder`, whose normalisation is
    disputed, fed in the other way. `folds` are the AUROCs of single folds, `inner_losses` the log losses in
    the inner folds of each training part. `parameters` are those of the encoder; `seconds` one case's forward pass.
    """

    name: Text
    encoder: Text
    architecture: str
    trained_on: Text
    licence: Text
    is_research_only: bool
    is_random: bool
    is_imagenet: bool
    is_radimagenet: bool = False
    is_otherwise_normalised: bool = False
    parameters: Positive
    seconds: Annotated[float, Field(ge=0)]
    features: Positive
    auroc: AurocFound
    folds: tuple[float | None, ...]
    inner_losses: tuple[float | None, ...]


class SourcePair(Frozen):
    """AUROC of `model` minus that of `reference` on the same patients, never negative: the first is the better one.

    `p_value` is DeLong's paired one by patient, `adjusted` after Holm's correction for all pairs; None where there is
    no interval. `wins` of `folds` folds were higher.
    """

    model: Text
    reference: Text
    value: float | None
    low: float | None
    high: float | None
    reason: Text | None
    p_value: Share | None
    adjusted: Share | None
    wins: Count
    folds: Count


class ScoreValue(Frozen):
    """A transferability score of one candidate, the mean over the folds' training parts, or why there is none."""

    candidate: Text
    value: float | None
    reason: Text | None = None


class ScoreFound(Frozen):
    """A transferability score of every candidate; `tau` is its weighted tau with the probe's AUROC over the sources.

    `tau` is None where there are fewer than three sources with both.
    """

    name: str
    label: str
    paper: str
    values: tuple[ScoreValue, ...]
    tau: float | None

    def of(self, candidate: str) -> ScoreValue:
        """The score of that candidate."""
        return next(one for one in self.values if one.candidate == candidate)


class DistanceFound(Frozen):
    """How far a target lies from the images that an encoder was trained on, by its features.

    `frechet` is the Frechet distance, of one image of each of `patients`; `of_draws` the mean and `largest_of_draws`
    the largest of `draws` pairs of samples from the source itself, as many images as both sides have patients.
    `outside` of `cases` lie beyond the 95th percentile of the source's own images, as `held_out_outside` of
    `held_out_cases` do that the encoder did not learn from.
    """

    source_cases: Positive
    source_patients: Positive
    held_out_cases: Count
    held_out_outside: Count
    patients: Positive
    frechet: Annotated[float, Field(ge=0)]
    of_draws: Annotated[float, Field(ge=0)]
    largest_of_draws: Annotated[float, Field(ge=0)]
    draws: Positive
    cases: Positive
    outside: Count


class SourceDistance(Frozen):
    """The target's distance from the source of one candidate, or why it is not known."""

    candidate: Text
    found: DistanceFound | None
    reason: Text | None = None


class DisputedCase(Frozen):
    """A case of a patient on whom two sources differ; `picture` is a file in the folder of pictures.

    The shares are of the patients with the same truth whom each source holds for less typical of it.
    """

    case_id: str
    patient_id: str
    truth: Text
    first_share: Share
    second_share: Share
    picture: str


class SourceDisagreement(Frozen):
    """Two sources that cannot be told apart by AUROC: patients called differently, and the cases to look at.

    `independent` is how many it would be if the two erred independently given the truth; `is_unlike` says whether they
    were trained on other data, `compared` how many pairs were looked at.
    """

    first: Text
    second: Text
    is_unlike: bool
    compared: Positive
    patients: Positive
    different: Count
    independent: Annotated[float, Field(ge=0)]
    cases: tuple[DisputedCase, ...]


class InnerChoice(Frozen):
    """Per fold the candidate with the least log loss in the inner folds, and the AUROC of choosing so."""

    chosen: tuple[Text, ...]
    auroc: AurocFound


class SourceComparison(Frozen):
    """Several sources on the patients of one study; the candidates in their order, random weights last.

    `left_out_candidates` are sentences on encoders that were not compared; `imagenet` names the candidate that others
    are held against beside the best.
    """

    study: Text
    question: Text
    fingerprint: str
    seed: int
    version: str
    device: str
    cohort: StudiedCohort
    left_out: tuple[Text, ...]
    folds: Positive
    repeats: Positive
    candidates: tuple[SourceCandidate, ...]
    left_out_candidates: tuple[Text, ...]
    imagenet: Text | None
    pairs: tuple[SourcePair, ...]
    choice: InnerChoice
    scores: tuple[ScoreFound, ...] = ()
    distances: tuple[SourceDistance, ...] = ()
    disagreement: SourceDisagreement | None = None

    def of(self, name: str) -> SourceCandidate:
        """The candidate of that name."""
        return next(one for one in self.candidates if one.name == name)


def write_sources(found: SourceComparison, folder: Path) -> None:
    """Write sources.json into the folder of a comparison."""
    write_typed(folder / SOURCES, found)


def read_sources(folder: Path) -> SourceComparison:
    """The sources.json of a folder.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return read_typed(folder / SOURCES, SourceComparison, what="how the sources compare", advice=COMPARE_ANEW)
