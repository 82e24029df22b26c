"""What every process but the first does where several train together: it waits for a run, and takes part in its fits.

In: the ranks of the processes. Out: nothing; the first process prepares the run, writes it, and judges the networks.
"""

from __future__ import annotations

from medtl import training
from medtl.progress import quiet
from medtl.record import run_folder as names
from medtl.record.run_folder import RunFolder
from medtl.study.opened import open_run


def take_part_in_run(ranks: training.Ranks, *, device: str) -> None:
    """Take part in the fits of the run that the first process prepares, until it needs no further one.

    Raises:
        ResourceExhausted: this process does not see the run's folder.
        ConfigurationError: its manifest, weights or medtl are not those that the run was prepared with.
    """
    with quiet():
        run = RunFolder(ranks.find_run())
        opened = open_run(run, device=device, ranks=ranks)
        while (fit := ranks.next_fit()) is not None:
            states = run.fold(fit.fold) / names.TRAINING
            fold = training.FoldData(opened.data, fit.fold, opened.table.split(fit.fold), states)
            training.take_part(fold, opened.variants, fit)
