"""What a learning curve is asked for: sizes, draws, the wanted AUROC and the wanted half-width.

In: the words of a command line. Out: a frozen value, or a refusal that says what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from medtl.errors import ConfigurationError
from medtl.progress import say

WHOLE = "all"
USUAL_SIZES = "4,8,16,32,64,all"
FEWEST_REPEATS = 10
"""With fewer draws the band is the smallest and the largest value, and covers too little."""

FEWEST_FINE_TUNED = 5
"""Draws on which a network is fine-tuned; with fewer the spread between draws cannot be seen."""


@dataclass(frozen=True)
class CurveSettings:
    """Sizes in patients of each class, rising; whether the whole training part comes after them; draws of each size.

    Sizes that `are_usual` were named by nobody, and those that a cohort is too small for are left out.

    At the `fine_tuned_sizes`, some of the sizes, a network is fine-tuned too, on the first `fine_tuned_repeats` draws.

    Raises:
        ConfigurationError: there is no size, too few repeats, or a wanted number outside of its range.
    """

    sizes: tuple[int, ...]
    has_whole: bool = True
    repeats: int = 50
    reach: float = 0.9
    half_width: float = 0.05
    fine_tuned_sizes: tuple[int, ...] = ()
    fine_tuned_repeats: int = 5
    are_usual: bool = False

    def within(self, largest: int) -> CurveSettings:
        """The settings without usual sizes of more than so many patients; sizes that somebody named all stay."""
        kept = tuple(size for size in self.sizes if size <= largest)
        if not self.are_usual or not kept or kept == self.sizes:
            return self
        say(
            f"The training parts have {largest} patients of the rarest class, so that no more than {kept[-1]} of each "
            "class are drawn; --cases names other sizes."
        )
        return replace(self, sizes=kept)

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ConfigurationError(
                "Expected at least one size of 1 patient of each class or more beside `all`. Give numbers of patients, "
                "as in --cases 4,8,16,32,64,all."
            )
        if self.repeats < FEWEST_REPEATS:
            raise ConfigurationError(
                f"Expected at least {FEWEST_REPEATS} repeats, got {self.repeats}: one draw of few patients says "
                "little, and a band needs many. Give --repeats 50."
            )
        if not 0.5 < self.reach < 1.0:
            raise ConfigurationError(
                f"Expected an AUROC between 0.5 and 1 to reach, got {self.reach:g}. Give for instance --reach 0.9."
            )
        if not 0.0 < self.half_width < 0.5:
            raise ConfigurationError(
                f"Expected a half-width between 0 and 0.5, got {self.half_width:g}. Give for instance "
                "--half-width 0.05."
            )
        other = [size for size in self.fine_tuned_sizes if size not in self.sizes]
        if other:
            raise ConfigurationError(
                f"--lp-ft asks for {', '.join(map(str, other))} patients of each class, which --cases does not draw: "
                f"the network is compared on the same draws. Give some of {', '.join(map(str, self.sizes))}.",
                sizes=other,
            )
        if self.fine_tuned_sizes and not FEWEST_FINE_TUNED <= self.fine_tuned_repeats <= self.repeats:
            raise ConfigurationError(
                f"Expected {FEWEST_FINE_TUNED} to {self.repeats} draws to fine-tune on (--repeats gives the most), got "
                f"{self.fine_tuned_repeats}: one draw of few patients says little. Give --lp-ft-repeats 5."
            )


def sizes_in(words: str) -> tuple[tuple[int, ...], bool]:
    """The sizes in `4,8,16,all`, rising and each once, and whether `all` is among them.

    Raises:
        ConfigurationError: a part is neither a whole number nor `all`.
    """
    parts = [part.strip() for part in words.split(",") if part.strip()]
    wrong = [part for part in parts if part != WHOLE and not (part.isascii() and part.isdigit())]
    if wrong:
        raise ConfigurationError(
            f"Expected numbers of patients of each class, or `all`, got {', '.join(wrong)}. Write them with commas, as "
            "in --cases 4,8,16,32,64,all."
        )
    return tuple(sorted({int(part) for part in parts if part != WHOLE})), WHOLE in parts


def fine_tuned_sizes_in(words: str | None) -> tuple[int, ...]:
    """The sizes at which a network is fine-tuned, in `16,64`; none without words.

    Raises:
        ConfigurationError: a part is no whole number, or `all`.
    """
    if words is None:
        return ()
    sizes, has_whole = sizes_in(words)
    if has_whole or not sizes:
        raise ConfigurationError(
            "--lp-ft takes numbers of patients of each class, as in --lp-ft 16,64. How the network does with the whole "
            "training part is what medtl run says."
        )
    return sizes
