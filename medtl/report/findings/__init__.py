"""What a reader should be wary of: findings on a run, a table and a comparison, and the verdict they lead to."""
