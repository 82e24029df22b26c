from . import doubt as doubt
from .ensemble import averaged as averaged
from .ensemble import joined_with_development as joined_with_development
from .openings import OpeningLog as OpeningLog
from .record import HeldOut as HeldOut
from .record import Seal as Seal
from .record import read_held_out as read_held_out
from .record import read_seal as read_seal

__all__ = [
    "HeldOut",
    "OpeningLog",
    "Seal",
    "averaged",
    "doubt",
    "joined_with_development",
    "read_held_out",
    "read_seal",
]
