from .black_margins import margin_notes as margin_notes

__all__ = ["margin_notes"]
