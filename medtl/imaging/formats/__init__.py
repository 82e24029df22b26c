"""One room for each file format of scans: how a file is known by its first bytes, read, and refused.

A format is a `Format` (format.py) in the tuple of `known.py`. In: the bytes of a file, or of a header and its data
file, and what to take of several volumes or pages. Out: a `Scan`, or `UnreadableScan` with a sentence. `foreign.py`
names what is not read. To add a format: a room with `decode`, a line in `known.py`, a test.
"""
