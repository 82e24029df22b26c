from .export import export_maps as export_maps

__all__ = ["export_maps"]
