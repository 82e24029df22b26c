"""medtl: honest transfer learning for medical scans.

The floor plan. A manifest of scans goes in at the bottom, a report comes out at the top:

    a folder -> intake -> manifest.csv
    manifest.csv -> cohort -> folds -> scans -> encoder -> adapted classifier -> fitted weights
                 -> predictions.csv -> metrics + saliency -> fold reports -> study report

Two wings over one ground floor, joined by one table:

                             cli/              speak
                             maps/             back to the archive: saliency maps as DICOM objects
                             demo.py doctor.py two guided tours: the phantom study, the state of this machine
                             intake/           how scans come in: a folder becomes a manifest
                             study.py          the staircase: one study, told in order
                             report/           tell
          learning wing  ────────┬────────  counting wing
          (torch, MONAI)         │          (numpy, pandas, scikit-learn; never imports torch or monai)
          explanation/           │          evaluation/
          training/   ── predictions.csv ─▶ predictions/
          adaptation/            │
          encoders/              │
          imaging/               │          folds/
                             cohort/           ground floor: who is in the study
                             run_seal.py       a finished run, sealed as a whole
                             files.py locks.py whole or absent: atomic files, safe tables, hashes; one writer
                             progress.py       how long work shows itself
                             errors.py         the letters of refusal

A floor's `__init__.py` is its door: a docstring, and beside it `__init__.pyi` with at most eight names. Doors open
lazily (lazy_loader), so reading a study's settings or rebuilding a report never waits for torch or MONAI.
"""

__version__ = "0.1.0"
