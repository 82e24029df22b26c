"""Run a command in a process of its own and say, as JSON, how long it took and the most memory it held.

This launcher is small on purpose: a child starts with the peak memory of the process that starts it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of ru_maxrss: bytes on macOS, kibibytes on Linux."""


def main() -> None:
    began = time.perf_counter()
    done = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = {
        "exit_code": done.returncode,
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * BYTES_A_UNIT,
        "output": done.stdout,
        "errors": done.stderr,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
