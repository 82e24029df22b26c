"""What a reader should be wary of: concerns, the question a reviewer would ask, and the verdict they lead to."""
