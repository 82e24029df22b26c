"""Maps on the grid of the original scan; of volumes as NIfTI that any viewer opens over it."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from jaxtyping import Bool, Float

from medtl.explanation.resizing import resized
from medtl.explanation.saliency import RawSaliency
from medtl.files import replacing
from medtl.imaging import PreparationSettings, ScanFacts

SCANNER_CODE = 1
"""NIfTI's code for coordinates of the scanner: the affine is the scan's own."""


def on_scan_grid(raw: RawSaliency, facts: ScanFacts, *, preparation: PreparationSettings) -> Float[np.ndarray, "*scan"]:
    """A raw map on the scan's own pixels, scaled so that 1 is its maximum; all zero for a map of zeros."""
    own = facts.placement(preparation).to_scan_grid(resized(raw.values, preparation.shape))
    highest = float(own.max())
    return own / highest if highest > 0 else np.zeros_like(own)


def write_volume(path: Path, values: Float[np.ndarray, "i j k"] | Bool[np.ndarray, "i j k"], facts: ScanFacts) -> None:
    """Values on a volume's own grid as .nii.gz with the volume's own affine, and no text in the header.

    Numbers are float32, truth values uint8.
    """
    kind = np.uint8 if values.dtype == bool else np.float32
    image = nibabel.Nifti1Image(values.astype(kind), np.array(facts.affine))
    image.set_sform(np.array(facts.affine), code=SCANNER_CODE)
    image.set_qform(np.array(facts.affine), code=SCANNER_CODE)
    image.header.set_xyzt_units("mm")
    with replacing(path) as temporary:
        stream = temporary.with_name(f"{temporary.name}.nii.gz")
        try:
            nibabel.save(image, stream)
            stream.replace(temporary)
        finally:
            stream.unlink(missing_ok=True)
