"""Contracts that plug-ins have to fulfil, as test suites to inherit from, with samples and tasks that fail on purpose.

No test of the library itself, and nothing that the library needs to run.

:mod:`~rastercollection.testing.executor_contract` and its siblings need pytest;
:mod:`~rastercollection.testing.scripted` needs nothing, so that workers can import it.
"""

from __future__ import annotations

import pkgutil
import sys

__all__: list[str] = []

if "pytest" in sys.modules:
    # a failing assertion of a contract shows its values, as those of a test module do
    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__) if "contract" in module.name)
    )
