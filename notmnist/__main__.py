"""Run the command line as ``python -m notmnist``."""

import sys

from notmnist.cli import main

sys.exit(main())
