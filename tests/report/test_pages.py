"""The pages: self-contained, the same bytes each time, and every number the one that was evaluated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

import medtl.report
from medtl.cohort.positive_class import positive_class_findings
from medtl.evaluation import evaluate
from medtl.record import read_run
from medtl.record.studied_cohort import read_cohort, write_cohort
from medtl.report import write_fold_page, write_reports, write_study_page
from medtl.report.html.content_policy import hash_of

SCRIPT = Path(medtl.report.__file__).parent / "templates" / "threshold.js"
ACTIVE_TAGS = {"script", "iframe", "object", "embed", "link", "form", "base"}

KINDS = {
    "three classes": {"classes": ("normal", "bacteria", "virus"), "patients": 45},
    "probe alone": {"models": ("probe", "centroid"), "policies": ("probe",), "with_history": False,
                    "with_saliency": False, "with_covariates": False},
    "one model": {"models": ("probe",), "policies": ("probe",), "with_history": False},
    "official split": {"official": True},
    "repeats": {"repeats": 2},
    "a fold without positives": {"one_class_test_fold": True, "patients": 18},
    "unfinished": {"finished_folds": (0, 2)},
    "phantoms": {"phantom": True, "limited": "at most 20 patients"},
    "no better than chance": {"signal": 0.0},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


class Page(HTMLParser):
    """What is on a page: its text, its tags with attributes, and the addresses it could load or lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.skip = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self.skip += tag in ("style", "svg", "script")

    def handle_endtag(self, tag: str) -> None:
        self.skip -= tag in ("style", "svg", "script")

    def handle_data(self, data: str) -> None:
        if not self.skip:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def pages(small_run: Path) -> tuple[Path, ...]:
    return write_reports(small_run)


@pytest.fixture(scope="module")
def study(pages: tuple[Path, ...]) -> Page:
    return Page(pages[0].read_text(encoding="utf-8"))


def test_a_study_has_its_page_and_one_per_fold(pages: tuple[Path, ...], small_run: Path) -> None:
    assert [page.relative_to(small_run).as_posix() for page in pages] == [
        "report.html",
        "fold_0/report.html",
        "fold_1/report.html",
        "fold_2/report.html",
    ]


@pytest.mark.slow
def test_pages_have_the_same_bytes_when_built_again(pages: tuple[Path, ...], small_run: Path) -> None:
    before = [page.read_bytes() for page in pages]
    run = read_run(small_run)
    again = evaluate(
        run.predictions, resamples=run.study.resamples, seed=run.provenance.seed, settings=run.study.evaluation
    )
    write_study_page(run, metrics=again)
    write_fold_page(run, fold=1)
    assert [page.read_bytes() for page in pages] == before


def test_every_number_of_the_models_table_is_the_evaluated_one(study: Page, small_run: Path) -> None:
    run = read_run(small_run)
    metrics = evaluate(run.predictions, resamples=run.study.resamples, seed=run.provenance.seed)
    names = {"probe": "Frozen probe", "centroid": "Nearest centroid", "lp_ft": "Fine-tuned (LP-FT)"}
    for model, name in names.items():
        pooled = metrics.of(model).patient.pooled.metrics
        row = []
        for metric, found in pooled.by_name().items():
            digits = 3 if metric in ("auroc", "average_precision") else 2
            if found.low is None:
                row.append(f"{found.value:.{digits}f}")
                continue
            link = " to " if min(found.low, found.high) < 0 else "-"
            numbers = f"{found.value:.{digits}f} ({found.low:.{digits}f}{link}{found.high:.{digits}f})"
            row.append(numbers.replace("-0.00 ", "0.00 "))
        assert f"{name} {' '.join(row)}" in study.text, name


def test_the_headlines_and_the_folds_table_are_the_evaluated_ones(study: Page, small_run: Path) -> None:
    run = read_run(small_run)
    metrics = evaluate(run.predictions, resamples=run.study.resamples, seed=run.provenance.seed)
    for model in ("lp_ft", "probe", "scratch"):
        found = metrics.of(model).patient.pooled.metrics["auroc"]
        assert f"{found.value:.3f} 95 % CI {found.low:.3f}-{found.high:.3f}" in study.text
    for fold in run.folds:
        values = [metrics.of(model).patient.folds[fold.fold].metrics["auroc"].value for model in run.models]
        threshold = metrics.of("lp_ft").patient.folds[fold.fold].threshold
        told = " ".join(f"{value:.3f}" for value in [*values, threshold.value])
        assert re.search(rf"Fold {fold.fold} \d+ \d+ {re.escape(told)} 0\.1", study.text)


def test_the_confusion_counts_are_the_evaluated_ones(study: Page, small_run: Path) -> None:
    run = read_run(small_run)
    pooled = evaluate(run.predictions, resamples=0, seed=0).of("lp_ft").patient.pooled
    (_, _), (missed, found) = pooled.confusion
    assert f"Of {missed + found} patients whose reference standard is pneumonia, {found} were called so" in study.text


def test_the_page_may_load_nothing_and_runs_our_script_alone(pages: tuple[Path, ...]) -> None:
    for path in pages:
        html = path.read_text(encoding="utf-8")
        page = Page(html)
        policy = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
        assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        assert html.index("Content-Security-Policy") < html.index("<style>")
        ours = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
        assert all(f"script-src '{hash_of(script)}'" in policy[0] for script in ours)
        assert ours == ([SCRIPT.read_text(encoding="utf-8")] if path == pages[0] else [])
        assert not ACTIVE_TAGS & {tag for tag, _ in page.tags if tag != "script" or not ours}
        for tag, attributes in page.tags:
            assert not [key for key in attributes if key.startswith("on")]
            assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
            if tag == "a":
                assert not re.match(r"[a-z]+:|/", attributes["href"])
        assert "url(http" not in html
        assert "@import" not in html


def test_every_link_leads_to_a_file_or_a_place_on_the_page(pages: tuple[Path, ...]) -> None:
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = [anchor["href"] for anchor in page.all("a")]
        assert links
        for link in links:
            assert (link[1:] in ids) if link.startswith("#") else (path.parent / link).is_file(), link


def test_every_picture_says_what_it_shows(pages: tuple[Path, ...]) -> None:
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        assert page.all("img")
        assert all(len(image["alt"]) > 10 for image in page.all("img"))
        figures = [svg for svg in page.all("svg") if "figure" in svg.get("class", "")]
        assert figures
        assert all(re.search(r"\d", svg["aria-label"]) for svg in figures)
        for attributes in page.all("html"):
            assert attributes["lang"] == "en"


@pytest.mark.slow
def test_no_place_on_a_disk_gets_into_a_page(small_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(small_run, tmp_path / "canaryfolder" / small_run.name))
    secret = "/home/canaryname/canary scans/a.png"
    cohort = json.loads((copy / "cohort.json").read_text())
    (copy / "cohort.json").write_text(json.dumps({**cohort, "notes": [f"read {secret}"], "limited": secret}))
    made = json.loads((copy / "environment.json").read_text())
    made |= {"platform": secret, "python": secret, "device": r"C:\canary\gpu"}
    (copy / "environment.json").write_text(
        json.dumps({**made, "encoder": {**made["encoder"], "note": secret, "source": secret}})
    )
    settings = yaml.safe_load((copy / "study.yaml").read_text())
    settings |= {
        "manifest": secret,
        "data_root": "/mnt/canaryroot",
        "recipe": {"epochs": 3, "from": secret},
        "question": secret,
    }
    (copy / "study.yaml").write_text(yaml.safe_dump(settings))
    for path in write_reports(copy):
        html = path.read_text(encoding="utf-8").lower()
        assert "canary" not in html
        assert str(tmp_path).lower() not in html


@pytest.mark.slow
def test_the_first_lines_of_the_study_page_say_which_class_is_positive_and_warn(
    small_run: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(small_run, tmp_path / small_run.name))
    cohort = read_cohort(copy)
    found = positive_class_findings(("ill", "gesund"), reason="alphabet")
    write_cohort(cohort.with_findings((*found, *cohort.findings)), copy)
    html = write_reports(copy)[0].read_text(encoding="utf-8")
    first = html[: html.index("Who was studied</h2>")]
    assert "The positive class is gesund, the last label in alphabetical order" in first
    assert "The positive class gesund looks like the healthy one" in first


@pytest.mark.slow
def test_an_unfinished_run_links_only_to_what_is_there(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    recipe = run_recipe(patients=20, fold_count=3, finished_folds=(0, 2), resamples=100)
    for path in write_reports(run_writer(tmp_path, recipe)):
        page = Page(path.read_text(encoding="utf-8"))
        links = [anchor["href"] for anchor in page.all("a") if not anchor["href"].startswith("#")]
        assert all((path.parent / link).is_file() for link in links)
        assert "Only 2 of 3 folds are finished." in page.text


@pytest.mark.slow
def test_phantoms_are_called_phantoms_on_every_page(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    run = run_writer(
        tmp_path, run_recipe(patients=20, fold_count=2, phantom=True, limited="20 patients", resamples=100)
    )
    for path in write_reports(run):
        text = Page(path.read_text(encoding="utf-8")).text
        assert text.count("The data are phantoms") >= 2
        assert "Phantom data" in text
        assert "Not the whole cohort was studied: 20 patients." in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_its_pages(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path, kind: str
) -> None:
    recipe = run_recipe(**{"patients": 30, "fold_count": 3, "resamples": 100, **KINDS[kind]})
    for path in write_reports(run_writer(tmp_path, recipe)):
        text = Page(path.read_text(encoding="utf-8")).text
        assert "What speaks against it." in text
        assert not re.search(r"\b(nan|None|inf|Undefined)\b", text), path.name


@pytest.mark.slow
def test_an_undefined_number_is_a_dash_with_its_reason(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    recipe = run_recipe(patients=18, fold_count=3, one_class_test_fold=True, resamples=100)
    pages = write_reports(run_writer(tmp_path, recipe))
    fold = Page(pages[1].read_text(encoding="utf-8")).text
    assert "is not defined in the" in fold
    assert re.search(r"Not defined: AUROC.*Reason: no pneumonia", fold)


@pytest.mark.slow
def test_rebuilding_pages_imports_neither_torch_nor_monai(small_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(small_run, tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from medtl.record import read_run\n"
        "from medtl.report import write_fold_page\n"
        f"write_fold_page(read_run(Path({str(copy)!r})), fold=0)\n"
        "print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=1200)
    assert done.stdout.strip() == "[]"
