"""Transferability scores: one room each, numbers that promise to rank sources without a probe; exploratory.

In: features and labels of a training part. Out: a number, higher is better, or why there is none. None of them is
reliable on medical tasks (Chaves et al., arXiv 2308.07444), so a page shows them beside their agreement with the probe.
"""
