"""What two reporting guidelines ask for, in short names of our own, numbered as they number it.

CLAIM is the 2024 update of the Checklist for Artificial Intelligence in Medical Imaging (Tejani et al. 2024,
10.1148/ryai.240300): 44 items. TRIPOD+AI is Collins et al. 2024 (10.1136/bmj-2023-078378): 27 items, some in parts.
The names only tell the items apart; what each one asks in full stands in the guidelines, which are free to read.

In: nothing. Out: the items in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Guideline = Literal["claim", "tripod_ai"]


@dataclass(frozen=True)
class Item:
    """One item: its number as the guideline writes it, the part of the paper, and a short name."""

    number: str
    part: str
    name: str


def _items(parts: str) -> tuple[Item, ...]:
    """Items from lines: `# part`, then `number name`."""
    items, part = [], ""
    for line in parts.strip().splitlines():
        symbol, _, rest = line.strip().partition(" ")
        if symbol == "#":
            part = rest
        else:
            items.append(Item(symbol, part, rest))
    return tuple(items)


CLAIM = _items("""
# Title and abstract
1 AI study named as such, with the kind of technology
2 Structured abstract
# Introduction
3 Background, intended use and role of the AI
4 Aims and hypotheses
# Study design
5 Prospective or retrospective
6 Goal of the study
# Data
7 Sources of the data
8 Inclusion and exclusion criteria
9 Preprocessing
10 Selection of subsets
11 De-identification
12 Missing data
13 Image acquisition
# Reference standard
14 Definition of the reference standard
15 Why this reference standard
16 Who set the reference standard
17 Annotation of the test set
18 Agreement between and within annotators
# Data partitions
19 Assignment to partitions
20 Level at which partitions are disjoint
# Testing data
21 Intended sample size
# Model
22 Description of the model
23 Software
24 Initial parameters
# Training
25 Training procedure
26 Selection of the final model
27 Ensembling
# Evaluation
28 Measures of performance
29 Significance and uncertainty
30 Robustness and sensitivity analysis
31 Explainability
32 Internal testing
33 External testing
34 Trial registration
# Results
35 Patients included and excluded
36 Characteristics in each partition
37 Performance with its uncertainty
38 Diagnostic estimates with their precision
39 Analysis of failures
# Discussion
40 Limitations
41 Implications for practice
# Other information
42 Protocol and further technical detail
43 Availability of software, model and data
44 Funding and the role of funders
""")

TRIPOD_AI = _items("""
# Title and abstract
1 Title naming model, population and outcome
2 Abstract
# Introduction
3a Healthcare context and existing models
3b Target population and intended users
3c Known health inequalities
4 Objectives
# Methods
5a Sources of the data
5b Dates of the data
6a Setting and centres
6b Eligibility
6c Treatments received
7 Data preparation and quality
8a Outcome and how it was assessed
8b Who assessed the outcome
8c Blinding of the assessment
9a Choice of predictors
9b Definition of predictors
9c Who assessed the predictors
10 Study size
11 Missing data
12a Use of the data and partitioning
12b Handling of predictors
12c Model type, building and internal validation
12d Heterogeneity between clusters
12e Measures and plots of performance
12f Model updating
12g How predictions are calculated
13 Class imbalance
14 Fairness
15 Output of the model and thresholds
16 Training against evaluation data
17 Ethical approval
# Open science
18a Funding
18b Conflicts of interest
18c Protocol
18d Registration
18e Data sharing
18f Code sharing
# Patient and public involvement
19 Patient and public involvement
# Results
20a Flow of participants
20b Characteristics of participants
20c Development against evaluation data
21 Participants and outcomes in each analysis
22 Specification of the model
23a Performance with intervals
23b Heterogeneity of performance
24 Results of model updating
# Discussion
25 Interpretation
26 Limitations
27a Poor or missing input at use
27b Interaction and expertise of users
27c Next steps
""")

ITEMS: dict[Guideline, tuple[Item, ...]] = {"claim": CLAIM, "tripod_ai": TRIPOD_AI}
TITLES: dict[Guideline, str] = {"claim": "CLAIM, 2024 update", "tripod_ai": "TRIPOD+AI"}
