"""Whether the options of a training fit the study that names them, asked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.adaptation import AdaptationSettings
from medtl.imaging import AugmentationSettings, PreparationSettings
from medtl.imaging.settings import MIRRORED
from medtl.policies import Policy, policy_of
from medtl.training.recipe import Recipe


def refuse_unfit_options(
    recipe: Recipe,
    adaptation: AdaptationSettings,
    *,
    augmentation: AugmentationSettings,
    preparation: PreparationSettings,
) -> None:
    """Nothing, if every option has a network that it can change.

    Raises:
        ValueError: an option would be without effect, or change what a scan means.
    """
    options = recipe.options
    trained = [found for name in adaptation.trained if (found := policy_of(name)) is not None]
    if recipe.trunk_cache_gb is not None:
        _refuse_idle_cache(trained, recipe, adaptation, is_varied_anew=_is_varied_anew(augmentation, preparation))
    if not options.named:
        return
    if not trained:
        raise ValueError(
            f"recipe.small_data ({', '.join(options.named)}) is for networks that are trained, but adaptation.policy "
            f"names only {', '.join(adaptation.policy)}: add lp_ft or full, or remove it"
        )
    if options.head_dropout is not None and not any(policy.start == "fitted_probe" for policy in trained):
        raise ValueError(
            "recipe.small_data.head_dropout is for heads that start from the probe, but "
            f"{', '.join(policy.name for policy in trained)} start from a new head: set adaptation.dropout, or "
            "add lp_ft"
        )
    if "mirror" in (options.test_time or ()) and augmentation.chosen(preparation) not in MIRRORED:
        raise ValueError(
            "recipe.small_data.test_time mirrors scans, but left and right mean something in a "
            f"{preparation.preset} (heart, liver, marker), and training does not mirror it: leave mirror out, or set "
            f"augmentation.preset to {' or '.join(sorted(MIRRORED))} if a mirror image is as good a scan"
        )


def _is_varied_anew(augmentation: AugmentationSettings, preparation: PreparationSettings) -> bool:
    return augmentation.draws is None and augmentation.chosen(preparation) is not None


def _refuse_idle_cache(
    trained: Sequence[Policy], recipe: Recipe, adaptation: AdaptationSettings, *, is_varied_anew: bool
) -> None:
    """Nothing, if some network of the study sees the same scan twice through stages that stay as they are."""
    stages = adaptation.last_stages
    if not any(
        one.is_pretrained and (adaptation.frozen_stages or one.keeps_stages(last_stages=stages)) for one in trained
    ):
        raise ValueError(
            "recipe.trunk_cache_gb keeps what frozen stages give of each scan, but no stage stays frozen with the "
            f"policies {', '.join(adaptation.policy)}: add last_stages, set adaptation.frozen_stages, or leave it out"
        )
    if is_varied_anew:
        raise ValueError(
            "recipe.trunk_cache_gb keeps what frozen stages give of each scan, but every epoch varies scans anew, so "
            "nothing could be used twice: set augmentation.draws, such as 4, or leave it out"
        )
    mixing = [name for name in ("mixup", "cutmix") if getattr(recipe.options, name) is not None]
    if mixing:
        raise ValueError(
            f"recipe.trunk_cache_gb keeps what frozen stages give of each scan, but {' and '.join(mixing)} "
            f"{'mix' if len(mixing) > 1 else 'mixes'} scans before the first stage: leave one of them out"
        )
