"""An encoder for pictures on volumes: every slice of the chosen planes by itself, pooled for the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, final

import torch
from jaxtyping import Float

from medtl.axes import Plane
from medtl.encoders.chunks import in_chunks
from medtl.encoders.encoder import Encoder
from medtl.encoders.normalisation import refuse_other_space
from medtl.encoders.readout import Readout, features_of
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.views import VIEWS, in_patient_axes, on_grid, pictures
from medtl.errors import ConfigurationError

Volumes = Float[torch.Tensor, "case 1 right anterior superior"]


@final
class SliceEncoder(Encoder):
    """Slices through a 2D network, pooled within each plane by attention, mean or max; planes count the same.

    As long as the attention is new it is uniform, so `pooled` is the mean over slices. Memory is that of a few slices.
    """

    @property
    def settings(self) -> VolumeSettings:
        """Planes, pooling, and how many slices at once."""
        return cast(VolumeSettings, self.card.volumes)

    def normalised(self, scans: Volumes) -> Volumes:
        """The volumes as they are: slices are normalised when they are cut, so that no second volume is made.

        Raises:
            ConfigurationError: the scans are no volumes of one channel.
        """
        refuse_other_space(self.card, scans)
        if scans.shape[1] != 1:
            raise ConfigurationError(
                f"The encoder {self.card.name} takes volumes of 1 channel; got {scans.shape[1]}: choose a preparation "
                "that gives one.",
                expected=1,
                got=scans.shape[1],
            )
        return scans

    def pooled(self, scans: Volumes, *, readout: Readout = "last") -> Float[torch.Tensor, "case feature"]:
        """The patients' features, of normalised volumes."""
        return torch.stack([self._pooled_in(plane, scans, readout=readout) for plane in self.settings.planes]).mean(0)

    def slice_weights(self, scans: Volumes) -> dict[Plane, Float[torch.Tensor, "case slice"]]:
        """Attention, equal shares of the mean, or with max the share of features that a slice has the largest of."""
        return {plane: self._weights(plane, self._features(plane, scans)) for plane in self.settings.planes}

    def assembled(
        self,
        values: torch.Tensor | Sequence[torch.Tensor],
        cases: int,
        *,
        shape: tuple[int, ...] | None = None,
    ) -> Float[torch.Tensor, "case right anterior superior"]:
        """Values on slices, brought to the volume's axes with the display's turns undone.

        Several planes are added up on the first one's grid, each value shared out by overlap, so that sums stay.

        Raises:
            ConfigurationError: `shape` is needed, or the number of slices does not fit it.
        """
        planes = self.settings.planes
        if len(planes) > 1 and shape is None:
            raise ConfigurationError(
                f"The slices of {len(planes)} planes ({', '.join(planes)}) cannot be distinguished without the "
                "volume's "
                "shape: expected shape=(right, anterior, superior)."
            )
        parts = [values] if isinstance(values, torch.Tensor) else list(values)
        total = sum(map(len, parts))
        counts = [total // cases] if shape is None else [shape[VIEWS[plane].depth] for plane in planes]
        if cases * sum(counts) != total:
            raise ConfigurationError(
                f"{total} slices were captured of {cases} volumes; expected {cases} times {sum(counts)}. Give what one "
                "forward pass captured, before any other."
            )
        slices = [row for part in parts for row in part]
        summed: torch.Tensor | None = None
        for plane, count in zip(planes, counts, strict=True):
            mine, slices = slices[: cases * count], slices[cases * count :]
            volume = in_patient_axes(torch.stack(mine).unflatten(0, (cases, count)), plane)
            summed = volume if summed is None else summed + on_grid(volume, tuple(summed.shape[1:]))
        return cast(torch.Tensor, summed)

    def _pooled_in(self, plane: Plane, scans: Volumes, *, readout: Readout) -> Float[torch.Tensor, "case feature"]:
        features = self._features(plane, scans, readout=readout)
        if self.settings.pooling == "max":
            return features.amax(1)
        if self.settings.pooling == "mean":
            return features.mean(1)
        weights = self._weights(plane, features)
        if self.attention_is_held:
            weights = weights.detach()
        return torch.einsum("csf,cs->cf", features, weights)

    def _weights(
        self, plane: Plane, features: Float[torch.Tensor, "case slice feature"]
    ) -> Float[torch.Tensor, "case slice"]:
        slices, features = features.shape[1], features[..., : self.network.feature_count]
        if self.settings.pooling == "attention":
            return cast(torch.Tensor, self.attention[plane](features))
        if self.settings.pooling == "mean":
            return features.new_full(features.shape[:2], 1 / slices)
        return torch.nn.functional.one_hot(features.argmax(1), slices).to(features).mean(1)

    def _features(
        self, plane: Plane, scans: Volumes, *, readout: Readout = "last"
    ) -> Float[torch.Tensor, "case slice feature"]:
        view = VIEWS[plane]
        sides = scans.shape[2:]

        def features_in(which: range) -> Float[torch.Tensor, "picture feature"]:
            return features_of(self.body, self.normalise(pictures(scans, plane, which)), readout=readout)

        features = in_chunks(
            features_in,
            count=len(scans) * sides[view.depth],
            pixels=sides[view.rows] * sides[view.columns],
            at_once=self.settings.slices_at_once,
            network=self.body,
        )
        return features.unflatten(0, (len(scans), sides[view.depth]))
