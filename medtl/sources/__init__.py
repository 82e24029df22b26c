"""How many cases a question needs, and which source serves it.

In: the frozen features and the folds of a study. Out: learning curves over draws of patients, a power law with its
band, and the number of patients that a wanted AUROC or interval needs, or the reason why the data cannot say.
"""
