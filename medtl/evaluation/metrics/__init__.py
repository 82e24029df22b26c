"""One room for each metric: what it is called, what it needs, its value at chance, and how it is estimated.

A metric is a `Metric` (metric.py) in the tuple `METRICS` of `known.py`. In: tested units with their decisions and the
resampled patients. Out: a value with its interval, or the reason why there is none. metrics.json, tables, CSVs and the
methods text follow the tuple. To add a metric: a room with its `Metric`, a line in `known.py`, a test.
"""
