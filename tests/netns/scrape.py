#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scrapes an exporter as Prometheus does: scrape.py URL TIMES FILE

The last text goes to FILE; as JSON: the shortest time in milliseconds, and what came in it.
"""
import json
import sys
import time
import urllib.request

url, times, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
best, text = None, b""
for _ in range(times):
    begin = time.monotonic()
    text = urllib.request.urlopen(url, timeout=20).read()
    took = 1000 * (time.monotonic() - begin)
    best = took if best is None else min(best, took)
with open(path, "wb") as f:
    f.write(text)
series = sum(1 for line in text.splitlines() if not line.startswith(b"#"))
print(json.dumps({"ms": round(best), "megabytes": round(len(text) / 1e6, 1), "series": series}))
