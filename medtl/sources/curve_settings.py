"""What a learning curve is asked for: sizes, draws, the wanted AUROC and the wanted half-width.

In: the words of a command line. Out: a frozen value, or a refusal that says what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass

from medtl.errors import ConfigurationError

WHOLE = "all"
FEWEST_REPEATS = 10
"""With fewer draws the band is the smallest and the largest value, and covers too little."""


@dataclass(frozen=True)
class CurveSettings:
    """Sizes in patients of each class, rising; whether the whole training part comes after them; draws of each size.

    Raises:
        ConfigurationError: there is no size, too few repeats, or a wanted number outside of its range.
    """

    sizes: tuple[int, ...]
    has_whole: bool = True
    repeats: int = 50
    reach: float = 0.9
    half_width: float = 0.05

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
