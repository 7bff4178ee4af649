"""More than one machine: factors and fits on a Dask cluster, by the address of its scheduler."""

from evergreen.adapters.cluster.factors import alpha158_on
from evergreen.adapters.cluster.fits import learner_for

__all__ = ["alpha158_on", "learner_for"]
