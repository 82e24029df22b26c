"""medtl: honest transfer learning for medical scans.

    a folder -> intake -> manifest.csv
    manifest.csv -> cohort -> folds -> scans -> encoder -> adapted classifier -> fitted weights
                 -> predictions.csv -> metrics + saliency -> fold reports -> study report

The floors, from the top. Each imports only from floors below it (the order is a contract in pyproject.toml):

    cli/          the commands; each imports what it needs when it is called
    maps/         saliency maps back to the archive, as DICOM objects that refer to the source series
    study/        one study in order: settings, cohort, encoders, run, workers, jobs, unseal, curve, pretrain, check
    intake/       from a folder to a manifest, each series accepted or refused by name
    report/       the pages: pages > manuscript > findings > sections > figures > results > html
    controls/     what must fail: permuted labels, metadata only, thumbnails, borders, masked centres
    held_out/     held-out cohorts: openings, and the mean over the folds' models
    sources/      which source serves a question, and how many cases it needs: probes, pairs, draws, a power law
    tracking/     a run's numbers for TensorBoard and MLflow
    explanation/  where the network looked: saliency maps on the scan's own grid, and checks of them
    training/     how it learns: the loop, checkpoints, the feature table
    adaptation/   what is changed: probe, heads, freezing, learning rates
    record/       what a run writes and the report reads: one typed value per file of the run folder
    encoders/     pretrained encoders: families, cards, weight store, key maps, from 2D to 3D
    evaluation/   how well: metrics, intervals, thresholds, calibration, comparison
    audit/        what speaks against a cohort before training: duplicates, border, confounding, suspicious ids
    imaging/      what a scan is: formats, DICOM, preparation, augmentation, cache
    folds/        how patients are split: patient-level folds, leakage
    predictions/  the one table between the learning and the counting wing
    cohort/       who is in the study: manifest, labels, covariates, pseudonyms, flow
    outcomes/     what is predicted: binary, multi-class
    policies/     how an encoder is adapted: one room per policy, as a value

    findings.py   what speaks against a result, as a value
    notebook.py   beside cli: medtl.run(study), medtl.open_run(folder)
    axes.py       the patient's axes, planes and their letters
    locks.py      one process at a time
    files.py  yaml_values.py  environment.py  progress.py  heartbeat.py  close_names.py  errors.py

The learning wing (imaging, encoders, adaptation, training, explanation) uses torch and MONAI. The counting wing
(outcomes, policies, cohort, folds, predictions, evaluation, record, held_out, report, tracking) never imports them.
They meet in one table, predictions.csv.

A floor's `__init__.py` is its door: a docstring, and where others use few of its names, an `__init__.pyi` that lists
them. Doors open lazily (lazy_loader), so that reading settings or rebuilding a report never waits for torch or MONAI.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
