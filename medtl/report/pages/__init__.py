"""The pages: each is a list of sections, rendered into one self-contained file."""
