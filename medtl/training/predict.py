"""What a fitted classifier says of scans it is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from medtl.adaptation import Classifier, freezing
from medtl.errors import IntegrityFailure
from medtl.training.batches import Scans, load_once, worker_count
from medtl.training.recipe import Recipe


def predict_logits(
    classifier: Classifier, scans: Scans, case_ids: Sequence[str], *, recipe: Recipe, device: torch.device, what: str
) -> Float[np.ndarray, "case class"]:
    """Logits in float64, in the order of `case_ids`; eval mode, float32 arithmetic, no augmentation."""
    workers = worker_count(device, recipe.loading_workers)
    stream = load_once(scans, case_ids, workers=workers, what=what)
    with freezing.eval_mode(classifier), torch.no_grad():
        logits = np.concatenate([classifier(batch.scans.to(device)).double().cpu().numpy() for batch in stream])
    bad = [case for case, row in zip(case_ids, logits, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise IntegrityFailure(
            f"The classifier gives no finite score for {len(bad)} case{'s' if len(bad) > 1 else ''}: "
            f"{', '.join(bad[:10])}. "
            "Its weights are damaged or have diverged: lower recipe.learning_rate and run again.",
            cases=bad,
        )
    return logits
