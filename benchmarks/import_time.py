"""How long ``import rastercollection`` takes in a fresh interpreter, and what it loads."""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 15
PROBE = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
import rastercollection
print(time.perf_counter() - began, len(set(sys.modules) - before))
"""


def main() -> None:
    runs = []
    for _ in range(RUNS):
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
        seconds, modules = done.stdout.split()
        runs.append((float(seconds), int(modules)))
    times = sorted(seconds for seconds, _ in runs)
    print(
        f"import rastercollection: median {statistics.median(times) * 1000:.0f} ms, "
        f"{times[0] * 1000:.0f}-{times[-1] * 1000:.0f} ms over {RUNS} runs, {runs[0][1]} modules"
    )


if __name__ == "__main__":
    main()
