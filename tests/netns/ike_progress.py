#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a controller how many IKE SAs are up until all are, and how long it takes to answer.

    ike_progress.py SOCKET COUNT SECONDS

Prints one JSON object: how many were up in the end, seconds that it took, the slowest answer to `stats` and to the status of
one connection meanwhile, and how many IKE SAs the whole list has and how long that takes, in milliseconds. Fails when not
all are up within SECONDS.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from vici_client import Session  # noqa: E402


def timed(call, *args, **arguments):
    """(what it says, milliseconds)"""
    begin = time.monotonic()
    result = call(*args, **arguments)
    return result, round((time.monotonic() - begin) * 1000, 1)


def main(path, count, seconds):
    vici = Session(path, 30)
    begin, up, slowest = time.monotonic(), -1, {"stats": 0.0, "list-sas": 0.0}
    while up < count and time.monotonic() - begin < seconds:
        time.sleep(0.05)
        reply, took = timed(vici.request, "stats")
        slowest["stats"] = max(slowest["stats"], took)
        up = int(reply["ikesas"]["total"]) - int(reply["ikesas"]["half-open"])
        slowest["list-sas"] = max(slowest["list-sas"], timed(vici.request, "list-sas", ike="site0")[1])
    took = time.monotonic() - begin
    listed, list_ms = timed(vici.count, "list-sas", "list-sa")
    print(json.dumps({"up": up, "seconds": round(took, 2), "stats_ms": slowest["stats"], "list_sas_ms": slowest["list-sas"],
                      "listed": listed, "list_all_ms": list_ms}))
    return up < count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
