"""Does the power law find a known law, and does the advice say nothing where the data cannot?"""

import numpy as np
import pytest

from medtl.evaluation.delong import half_width
from medtl.sources.advice import Reached, patients_to_reach, patients_to_test
from medtl.sources.power_law import Backtest, FittedLaw, backtest, fit_law

SIZES = (4, 8, 16, 32, 64, 128)


def values(
    *,
    a: float = 0.9,
    b: float = 0.5,
    c: float = 0.6,
    noise: float = 0.02,
    seed: int = 0,
) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {size: a - b * size**-c + noise * rng.normal(size=50) for size in SIZES}


def test_a_known_law_lies_in_its_band() -> None:
    inside = []
    for seed in range(20):
        law = fit_law(values(seed=seed), seed=seed)
        ceiling, low, high = law.ceiling
        inside.append(low <= 0.9 <= high)
        _, least, most = law.size_for(0.85)
        inside.append(least <= (0.5 / 0.05) ** (1 / 0.6) <= most)
        for size in SIZES:
            _, low, high = law.at(size)
            inside.append(low <= 0.9 - 0.5 * size**-0.6 <= high)
        assert ceiling == pytest.approx(0.9, abs=0.03)
    assert np.mean(inside) >= 0.85, np.mean(inside)


def test_a_law_without_noise_is_found_exactly() -> None:
    law = fit_law(values(noise=0.0), seed=1)
    assert law.law == pytest.approx([0.9, 0.5, 0.6], abs=1e-4)
    assert law.size_for(0.85)[0] == pytest.approx(46.4, abs=0.1)


def test_the_backtest_foretells_the_larger_sizes_of_a_law_and_not_of_a_step() -> None:
    covered = [backtest(values(seed=seed), seed=seed) for seed in range(10)]
    assert covered[0].fitted == (4, 8, 16)
    assert covered[0].predicted == (32, 64, 128)
    assert sum(one.covered for one in covered) >= 24
    step = {size: np.full(50, 0.6 if size < 32 else 0.95) for size in SIZES}
    assert backtest(step, seed=1).covered == 0


KEPT = Backtest((4, 8, 16), (32, 64, 128), 2)


def reached(wanted: float, labels: int = 200, first: float = 0.68, tried: Backtest | None = KEPT) -> Reached:
    return Reached(wanted, labels, {size: first + 0.001 * size for size in SIZES}, tried)


def advised(law: FittedLaw | None, *, wanted: float = 0.85, labels: int = 200, first: float = 0.68) -> str:
    return patients_to_reach(law, reached(wanted, labels, first), phrase="the frozen probe").sentence


def test_a_curve_that_carries_it_gets_a_number_with_its_band() -> None:
    law = fit_law(values(noise=0.01), seed=1)
    found = patients_to_reach(law, reached(0.85), phrase="the frozen probe")
    assert found.patients is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.patients <= found.high <= 4 * found.low
    assert found.sentence == (
        f"To reach AUROC 0.85 with the frozen probe you need about {found.patients} patients a class (from {found.low} "
        f"to {found.high})."
    )
    beyond = fit_law(values(a=0.95, noise=0.001), seed=1)
    assert advised(beyond, wanted=0.93).endswith(
        "This lies beyond 128 patients a class, the largest size that was drawn."
    )


CANNOT = "How many patients the frozen probe needs to reach AUROC"


def test_what_the_data_cannot_say_is_refused_with_the_reason() -> None:
    law = fit_law(values(noise=0.01), seed=1)
    few = f"{CANNOT} 0.85 cannot be said from these data: there are 49 labelled patients, at least 50 are needed."
    assert advised(law, labels=49) == few
    assert advised(law, labels=50).startswith("To reach AUROC 0.85")
    assert "a power law needs at least 4 sizes, and 6 were drawn" in advised(None)
    assert advised(law, wanted=0.97).startswith(
        f"{CANNOT} 0.97 cannot be said from these data: the curve levels off at"
    )
    wide = advised(fit_law(values(noise=0.12), seed=3), wanted=0.85)
    assert "more than a factor of 4" in wide or "has no upper end" in wide
    slow = fit_law(values(a=1.0, b=0.5, c=0.1, noise=0.001), seed=1)
    assert "beyond 1,280 patients a class, 10 times the largest size that was drawn" in advised(slow, wanted=0.9)


def test_a_wide_band_is_refused_with_its_factor() -> None:
    laws = np.array([[0.9, 0.5, 0.6]] * 100 + [[0.9, 0.9, 0.6]] * 50 + [[0.9, 0.2, 0.6]] * 50)
    text = advised(FittedLaw(laws[0], laws))
    assert text.endswith("the band runs from 11 to 124 patients a class, more than a factor of 4.")
    open_end = np.array([[0.9, 0.5, 0.6]] * 150 + [[0.8, 0.5, 0.6]] * 50)
    assert "begins at 47 patients a class and has no upper end" in advised(FittedLaw(open_end[0], open_end))


def test_what_the_smallest_size_reaches_is_not_prolonged_downwards() -> None:
    law = fit_law(values(noise=0.01), seed=1)
    assert advised(law, wanted=0.6) == (
        "With the frozen probe, AUROC 0.60 is reached with 4 patients a class, the smallest size that was drawn; fewer "
        "may do."
    )


def test_a_curve_that_follows_no_power_law_is_not_prolonged() -> None:
    law, broken = fit_law(values(noise=0.01), seed=1), Backtest((4, 8, 16), (32, 64, 128), 1)
    text = patients_to_reach(law, reached(0.8, tried=broken), phrase="the frozen probe").sentence
    assert text == (
        "How many patients the frozen probe needs to reach AUROC 0.80 cannot be said from these data: the curve does "
        "not follow a power law, since one fitted to the smaller sizes foretold 1 of 3 larger ones; the smallest drawn "
        "size whose median reached it is 128 patients a class."
    )
    text = patients_to_reach(law, reached(0.85, tried=broken), phrase="the frozen probe").sentence
    assert text.endswith("no drawn size up to 128 patients a class reached it.")


@pytest.mark.parametrize(("auroc", "width", "share"), [(0.8, 0.05, 0.5), (0.9, 0.1, 0.1), (0.55, 0.02, 0.3)])
def test_the_test_patients_are_the_fewest_whose_interval_is_narrow_enough(
    auroc: float, width: float, share: float
) -> None:
    found = patients_to_test(auroc, width=width, share=share)
    assert found is not None
    positives = round(found * share)
    assert half_width(auroc, positives=positives, negatives=found - positives) <= width
    positives = round((found - 2) * share)
    assert half_width(auroc, positives=positives, negatives=found - 2 - positives) > 0.99 * width


def test_a_perfect_area_plans_no_test() -> None:
    assert patients_to_test(1.0, width=0.05, share=0.5) is None
