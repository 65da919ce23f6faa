"""Arena-Hard-Auto as a library: answers, judgments, boards, and how far to trust them.

The folders follow the way of the data. `base` and `chat` know nothing of benchmarks.
"""

import os

# BLAS reads these when numpy is loaded. One thread each: the bootstrap brings its own.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# This is the first of our imports in each script, and its packages may be missing.
from arena.base.errors import explain_imports  # noqa: E402

explain_imports()
