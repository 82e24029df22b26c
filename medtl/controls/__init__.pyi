from .black_margins import margin_notes as margin_notes
from .metadata_only import BlindAuroc as BlindAuroc
from .metadata_only import blind_auroc as blind_auroc
from .metadata_only import blind_notes as blind_notes

__all__ = ["BlindAuroc", "blind_auroc", "blind_notes", "margin_notes"]
