"""``python -m masktopo`` is the command ``masktopo``."""

import sys

from masktopo.cli.main import main

sys.exit(main())
