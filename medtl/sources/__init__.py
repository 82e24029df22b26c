"""Which source serves a question, and how many cases it needs.

In: the frozen features and the folds of a study. Out: the probe of each source with all pairs; learning curves over
draws of patients, a power law with its band, and the number of patients that a wanted AUROC or interval needs, or the
reason why the data cannot say.
"""
