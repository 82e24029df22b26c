from . import uncertainty as uncertainty
from .ensemble import averaged as averaged
from .ensemble import joined_with_development as joined_with_development
from .openings import OpeningLog as OpeningLog

__all__ = ["OpeningLog", "averaged", "joined_with_development", "uncertainty"]
