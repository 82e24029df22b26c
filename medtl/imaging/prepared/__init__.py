"""Prepared scans.

In: the scans of a cohort and the settings of the preparation. Out: arrays in [0, 1] that an encoder takes, kept once on
disk for all folds, runs and users, with the placement that leads from the prepared grid back to the scan.

"""
