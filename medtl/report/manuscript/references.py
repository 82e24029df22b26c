"""The works behind the methods of a run, as a list on the page and as BibTeX.

In: a run and its numbers. Out: only works whose method was used in this run, in the order of the alphabet.
"""

from __future__ import annotations

from collections.abc import Callable

from medtl.policies import POLICIES, policy_of
from medtl.policies.small_data import WORK_OF
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.report.manuscript.works import WORKS, Reference
from medtl.report.results.judged import Judged

MAP_WORKS = {
    "HiResCAM": "draelos2020", "LayerCAM": "jiang2021", "Grad-CAM++": "chattopadhay2018", "EigenCAM": "muhammad2020"
}  # fmt: skip
"""The work behind each method of making maps."""

ALWAYS = ("efron1979", "delong1988", "brier1950", "wilson1927", "mitchell2019", "tejani2024", "collins2024")
"""What every page uses: the bootstrap, the AUROC's and the proportions' intervals, the Brier score, the model card and
the two guidelines."""

OF_RUNS = frozenset({"mitchell2019", "tejani2024", "collins2024", "paszke2019", "cardoso2022"})
"""Works that only a run's page uses: the model card, the guidelines, and what networks are trained with."""


def references_of(run: Run, judged: Judged) -> tuple[Reference, ...]:
    """The works whose methods this run used."""
    used = [*ALWAYS, *(key for key, is_used in USES.items() if is_used(run, judged))]
    return tuple(sorted((WORKS[key] for key in used), key=lambda work: (work.authors.casefold(), work.year)))


def works_of(run: Run, judged: Judged) -> tuple[Reference, ...]:
    """The works behind a page that judges predictions alone."""
    return tuple(work for work in references_of(run, judged) if work.key not in OF_RUNS)


def bibtex(references: tuple[Reference, ...]) -> str:
    """The text of references.bib."""
    return "\n\n".join(one.bibtex for one in references) + "\n"


def _has(library: str) -> Callable[[Run, Judged], bool]:
    return lambda run, judged: bool(run.provenance.installed.get(library))


def _by_a_model(work: str) -> Callable[[Run, Judged], bool]:
    """Whether a model of the run is of a policy that cites the work."""
    return lambda run, judged: any((own := policy_of(model)) is not None and work in own.cites for model in run.models)


def _has_retention(run: Run) -> bool:
    return any(one.retention is not None for one in run.folds)


def _by_an_option(option: str) -> Callable[[Run, Judged], bool]:
    """Whether networks were trained with an option for small data."""
    return lambda run, judged: run.study.small_data is not None and option in run.study.small_data.named


def _mapped_by(method: str) -> Callable[[Run, Judged], bool]:
    return lambda run, judged: any(record.saliency for record in run.folds) and run.map_method == method


def _card(provenance: Provenance) -> dict[str, str]:
    return {name: text.casefold() for name, text in provenance.card.items()}


def _appraised(judged: Judged, part: str) -> bool:
    return judged.appraisal is not None and any(getattr(one, part) is not None for one in judged.appraisal.models)


def _of_the_encoder(work: str) -> Callable[[Run, Judged], bool]:
    """Whether the encoder's card cites the work, by its title."""
    title = WORKS[work].title.casefold()
    return lambda run, judged: title in _card(run.provenance).get("citation", "")


USES: dict[str, Callable[[Run, Judged], bool]] = {
    "paszke2019": _has("torch"),
    "cardoso2022": _has("monai"),
    "pedregosa2011": _has("scikit-learn"),
    "russakovsky2015": lambda run, judged: "imagenet-1k" in _card(run.provenance).get("trained_on", ""),
    "mei2022": lambda run, judged: "radimagenet" in _card(run.provenance).get("trained_on", ""),
    **{work: _of_the_encoder(work) for work in ("chen2019", "he2016", "huang2017")},
    "carreira2017": lambda run, judged: _card(run.provenance).get("lifting") == "inflated",
    "yang2021": lambda run, judged: _card(run.provenance).get("lifting") == "acs",
    **{work: _by_a_model(work) for policy in POLICIES for work in policy.cites},
    **{work: _by_an_option(option) for option, work in WORK_OF.items()},
    **{work: _mapped_by(name) for name, work in MAP_WORKS.items()},
    "adebayo2018": lambda run, judged: run.saliency_checks is not None,
    "arun2021": lambda run, judged: run.saliency_checks is not None,
    "petsiuk2018": lambda run, judged: run.saliency_checks is not None,
    "kornblith2019": lambda run, judged: _has_retention(run),
    "nguyen2021": lambda run, judged: _has_retention(run),
    "nadeau2003": lambda run, judged: any(one.p_value is not None for one in judged.differences),
    "varma2006": lambda run, judged: any(one.selection is not None for one in run.folds),
    "phipson2010": lambda run, judged: run.controls is not None and run.controls.permuted_labels is not None,
    "vickers2006": lambda run, judged: _appraised(judged, "decision_curve"),
    "youden1950": lambda run, judged: run.outcome.has_threshold and run.study.evaluation.threshold.rule == "youden",
}
"""When a work's method was used, beyond those that every page uses."""


def cite(key: str) -> str:
    """How a sentence names a work, in brackets."""
    return f" ({WORKS[key].cited})"
