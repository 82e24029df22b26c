"""What is predicted.

In: the classes of a study, in order. Out: an `Outcome` that answers everything that depends on their kind: the columns
of predictions.csv, the width of the network's head, its loss and activation by name, how a probability becomes a
decision, which metric is the primary one, and the phrases of the report. No torch here.
"""

from medtl.outcomes.known import OUTCOMES as OUTCOMES
from medtl.outcomes.known import outcome_of as outcome_of
from medtl.outcomes.outcome import PROBABILITY as PROBABILITY
from medtl.outcomes.outcome import DecisionKind as DecisionKind
from medtl.outcomes.outcome import Outcome as Outcome
