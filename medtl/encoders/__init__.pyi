from .build import build_encoder as build_encoder
from .build import build_untrained as build_untrained
from .card import EncoderCard as EncoderCard
from .catalogue import find_encoder as find_encoder
from .encoder import Encoder as Encoder
from .lifting import default_encoder_for as default_encoder_for
from .settings import VolumeSettings as VolumeSettings
from .weight_store import WeightStore as WeightStore

__all__ = [
    "Encoder",
    "EncoderCard",
    "VolumeSettings",
    "WeightStore",
    "build_encoder",
    "build_untrained",
    "default_encoder_for",
    "find_encoder",
]
