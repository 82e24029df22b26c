from .card import EncoderCard as EncoderCard
from .catalogue import find_encoder as find_encoder
from .catalogue import known_encoders as known_encoders
from .encoder import Encoder as Encoder
from .encoder import build_encoder as build_encoder
from .encoder import build_untrained as build_untrained
from .key_maps import Account as Account
from .weight_store import WeightStore as WeightStore

__all__ = [
    "Account",
    "Encoder",
    "EncoderCard",
    "WeightStore",
    "build_encoder",
    "build_untrained",
    "find_encoder",
    "known_encoders",
]
