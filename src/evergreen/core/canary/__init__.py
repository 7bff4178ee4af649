"""The canary: is the challenger good enough to keep? Looked at every session, stopped any time."""

import lazy_loader

# What the package gives stands in `__init__.pyi` and is imported when it is asked for: who reads the name of a stage
# or of a kind of decision, as `evergreen status` does, need not wait two seconds for scipy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
