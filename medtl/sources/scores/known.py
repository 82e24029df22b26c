"""Every transferability score, in the order of the tables."""

from __future__ import annotations

from medtl.sources.scores.gbc import GBC
from medtl.sources.scores.h_score import H_SCORE
from medtl.sources.scores.knn import KNN
from medtl.sources.scores.leep import LEEP
from medtl.sources.scores.logme import LOGME
from medtl.sources.scores.nleep import NLEEP
from medtl.sources.scores.parc import PARC
from medtl.sources.scores.score import TransferScore

SCORES: tuple[TransferScore, ...] = (LOGME, LEEP, NLEEP, H_SCORE, GBC, PARC, KNN)
