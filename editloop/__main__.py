"""``python -m editloop``. It imports nothing from the current folder, which may be a stranger's."""

import os
import sys

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [
    path for path in sys.path if path == _HOME or os.path.abspath(path) != os.path.abspath("")
]

from editloop.cli import main  # noqa: E402

main()
