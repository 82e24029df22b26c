from .metadata_only import BlindAuroc as BlindAuroc
from .metadata_only import blind_auroc as blind_auroc

__all__ = ["BlindAuroc", "blind_auroc"]
