"""A run's numbers as TensorBoard's event files, one folder a fold and model.

In: the numbers of a run. Out: `DIR/<run>/<fold>/<model>/events.out.tfevents...`. The same run gives the same bytes
whenever it is written, and a run that has come further only adds to them, so a TensorBoard that looks on goes on.
The files name no host and no process, as those of other writers do.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtl.errors import ConfigurationError
from medtl.tracking.tracked_run import Point, TrackedRun

HOW_TO_INSTALL = (
    "Event files need TensorBoard's package, which is not installed here. Install it with pip install "
    "'medtl[tensorboard]'."
)
EPOCHS, METRICS = "events.out.tfevents.0.epochs", "events.out.tfevents.1.metrics"
"""TensorBoard reads every file whose name holds `tfevents`, in the order of the names."""

VERSION = "brain.Event:2"
"""What the first record of an event file says."""


def write_tensorboard(run: TrackedRun, folder: Path) -> tuple[Path, ...]:
    """Write the event files of a run, or add to them what is new; gives the folders of its parts.

    Values are single floats there: TensorBoard keeps seven digits.

    Raises:
        ConfigurationError: TensorBoard's package is not installed, or the folder holds another run of that name.
    """
    protocol = _protocol()
    parts = []
    for series in run.series:
        part = folder / run.name / series.part / series.model
        for name, points in ((EPOCHS, series.epochs), (METRICS, series.metrics)):
            if points:
                _add(part / name, _records(points, started=run.started, protocol=protocol), run=run)
                parts.append(part)
    return tuple(dict.fromkeys(parts))


def _add(path: Path, data: bytes, *, run: TrackedRun) -> None:
    """Add to a file what is new in it."""
    there = path.read_bytes() if path.is_file() else b""
    if not data.startswith(there):
        raise ConfigurationError(
            f"{run.name} is in this TensorBoard folder already with other numbers ({path.parent.parent.name}, "
            f"{path.parent.name}): another run of that name was exported there, or it was made anew. Give another "
            "folder, or remove that one."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(data[len(there) :])


def _records(points: Sequence[Point], *, started: float, protocol: tuple[Any, Any, Any]) -> bytes:
    event, summary, writer = protocol
    written = io.BytesIO()
    records = writer(written)
    records.write(event(wall_time=started, file_version=VERSION).SerializeToString(deterministic=True))
    for point in points:
        value = summary(value=[summary.Value(tag=point.name, simple_value=point.value)])
        one = event(wall_time=point.at, step=point.step, summary=value)
        records.write(one.SerializeToString(deterministic=True))
    return written.getvalue()


def _protocol() -> tuple[Any, Any, Any]:
    """TensorBoard's event, its summary and its writer of records."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ConfigurationError(f"{HOW_TO_INSTALL} ({type(error).__name__})", missing="tensorboard") from error
    return Event, Summary, RecordWriter
