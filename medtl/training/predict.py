"""What a fitted classifier says of scans it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from medtl.adaptation import Classifier, freezing
from medtl.errors import IntegrityFailure
from medtl.training.batches import Scans, each_once, load_once, worker_count
from medtl.training.kept_maps import KeptMaps
from medtl.training.recipe import Recipe


def predict_logits(
    classifier: Classifier,
    scans: Scans,
    case_ids: Sequence[str],
    *,
    recipe: Recipe,
    device: torch.device,
    what: str,
    view: Callable[[Tensor], Tensor] | None = None,
    kept: KeptMaps | None = None,
) -> Float[np.ndarray, "case class"]:
    """Logits in float64, in the order of `case_ids`; eval mode, float32 arithmetic, no augmentation but a `view`.

    Where the maps of the frozen stages are `kept`, the passes start from them; a view needs the scans.
    """
    workers = worker_count(device, recipe.loading_workers)
    forward: Callable[[Tensor], Tensor] = classifier
    if kept is None or view is not None:
        stream = load_once(scans, case_ids, workers=workers, what=what)
    else:
        stream, forward = kept.load(each_once(scans, case_ids)), kept.trunk.logits
    with freezing.eval_mode(classifier), torch.no_grad():
        seen = ((batch.scans if view is None else view(batch.scans)).to(device) for batch in stream)
        logits = np.concatenate([forward(scans).double().cpu().numpy() for scans in seen])
    bad = [case for case, row in zip(case_ids, logits, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise IntegrityFailure(
            f"The classifier gives no finite score for {len(bad)} case{'s' if len(bad) > 1 else ''}: "
            f"{', '.join(bad[:10])}. "
            "Its weights are damaged or have diverged: lower recipe.learning_rate and run again.",
            cases=bad,
        )
    return logits
