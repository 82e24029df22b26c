"""The figures: from predictions, metrics and maps to a `Drawing`."""
