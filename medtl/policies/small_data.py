"""Options of the training for small data, each off unless a study names it; torch-free, as every policy is.

In: the key `recipe.small_data` of a study. Out: a frozen value, and how a Methods section tells it. None of them has
been shown to help on every set of scans, so none is a default.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PRIOR_CORRECTED = (
    "the log odds of the networks were corrected by the logarithm of the classes' weights, so that probabilities refer "
    "to the classes' shares in training"
)
BALANCED = {
    "weights": "In the loss every class weighed the same",
    "sampling": "Training cases were drawn with replacement so that every class came equally often",
}


VIEWS = {"shifts": "shifted by 2 % of each side in both directions", "mirror": "mirrored from left to right"}
WORK_OF = {
    "label_smoothing": "szegedy2016",
    "head_dropout": "srivastava2014",
    "class_balance": "saerens2002",
    "mixup": "zhang2018",
    "cutmix": "yun2019",
    "swa_from": "izmailov2018",
    "test_time": "krizhevsky2012",
}
"""The key of the work behind each option."""


CHANGE_THE_LOSS = frozenset({"label_smoothing", "class_balance", "mixup", "cutmix"})
"""Options with which the loss in training is not the one that is judged."""


class SmallDataOptions(BaseModel):
    """What changes the labels, the loss, the draws or the batches of a training on few cases.

    `class_balance` teaches the networks other shares of the classes than the cohort has. Their log odds are corrected
    by the known weights before anything is judged, which is exact for the loss that is minimised (Saerens 2002,
    doi 10.1162/089976602753284446); the page says so and asks for the calibration to be looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_smoothing: float | None = Field(
        default=None, gt=0, le=0.5, description="Share of each label that is spread over all classes, such as 0.1."
    )
    head_dropout: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of features dropped before a head that starts from the probe, around their training mean.",
    )
    class_balance: Literal["weights", "sampling"] | None = Field(
        default=None, description="Every class counts the same: by weights of the loss, or by how often it is drawn."
    )

    mixup: float | None = Field(
        default=None, gt=0, le=10, description="Scans and labels of pairs are mixed; 0.2 mixes little, 1 evenly."
    )
    cutmix: float | None = Field(
        default=None, gt=0, le=10, description="A box of each scan is another's, and so much of its label; 1 is usual."
    )
    swa_from: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the epochs after which the rate is held and the weights of each epoch are averaged.",
    )

    test_time: tuple[Literal["shifts", "mirror"], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=2,
        description="A network's probabilities are the mean over small shifts of a scan, and mirror images of it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _balances_once(cls, values: object) -> object:
        if isinstance(values, dict) and isinstance(values.get("class_balance"), list | tuple):
            raise ValueError(
                "class_balance takes one of weights and sampling: both together would balance the classes twice"
            )
        return values

    @model_validator(mode="after")
    def _names_an_option(self) -> SmallDataOptions:
        if not self.named:
            raise ValueError(f"small_data names no option: give one of {', '.join(type(self).model_fields)}, or no key")
        return self

    @classmethod
    def none(cls) -> SmallDataOptions:
        """All of them off, which no study writes."""
        return cls.model_construct()

    @property
    def named(self) -> tuple[str, ...]:
        """The options that are on."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def methods(self) -> tuple[tuple[str, str], ...]:
        """Each option as a sentence of a Methods section without its full stop, and the key of its work."""
        sentences = {
            "label_smoothing": f"Labels were smoothed by {self.label_smoothing or 0:g}",
            "head_dropout": "In networks that start from the probe, "
            f"{100 * (self.head_dropout or 0):g} % of the features were set to their training mean before the head",
            "mixup": f"Pairs of training scans and their labels were mixed (mixup, alpha {self.mixup or 0:g})",
            "cutmix": "A box of each training scan, and as much of its label, was replaced by another's (CutMix, alpha "
            f"{self.cutmix or 0:g})",
            "swa_from": f"After {100 * (self.swa_from or 0):g} % of the epochs the learning rate was held, and the "
            "weights at the end of each epoch were averaged with equal weight (stochastic weight averaging)",
            "test_time": "Networks' probabilities are means over each scan and fixed copies of it "
            f"({' and '.join(VIEWS[one] for one in self.test_time or ())})",
            "class_balance": f"{BALANCED[self.class_balance or 'weights']}; {PRIOR_CORRECTED}",
        }
        return tuple((sentences[name], WORK_OF[name]) for name in self.named)
