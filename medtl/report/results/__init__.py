"""What the numbers of a run say: each model's metrics by name, and what may be claimed of a difference."""
