from .build import build_encoder as build_encoder
from .build import build_untrained as build_untrained
from .card import EncoderCard as EncoderCard
from .catalogue import find_encoder as find_encoder
from .encoder import Encoder as Encoder
from .lifting import default_encoder_for as default_encoder_for
from .recommendations import RECOMMENDATIONS as RECOMMENDATIONS
from .recommendations import WHEN_UNSURE as WHEN_UNSURE
from .settings import VolumeSettings as VolumeSettings
from .weight_store import WeightStore as WeightStore

__all__ = [
    "RECOMMENDATIONS",
    "WHEN_UNSURE",
    "Encoder",
    "EncoderCard",
    "VolumeSettings",
    "WeightStore",
    "build_encoder",
    "build_untrained",
    "default_encoder_for",
    "find_encoder",
]
