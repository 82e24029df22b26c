"""Which networks an encoder can be: one room for each family, listed in `known.FAMILIES`.

A family says which parts its networks have, how published files name their tensors, how small a scan may be, and
builds a network; torch is imported only when it does. To add a family: a room with a `Family`, a line in `known.py`.
"""

from medtl.encoders.families.family import Family as Family
from medtl.encoders.families.family import Layout as Layout
from medtl.encoders.families.family import Published as Published
from medtl.encoders.families.known import FAMILIES as FAMILIES
from medtl.encoders.families.known import architecture_of as architecture_of
from medtl.encoders.families.known import families_on_imagenet as families_on_imagenet
from medtl.encoders.families.known import family_of as family_of
from medtl.encoders.families.known import named_families as named_families
