#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines "suite/case/metric value spread" of the benchmarks, as tables and as one flat object.

    report.py FIGURES.json LINES...     prints the tables of these files and merges their figures into the object
    report.py --targets FIGURES.json    prints what was aimed at beside what was reached

The figures of a suite that is among the lines replace the earlier ones of that suite.
"""
import json
import os
import sys

WIDTH = 120

# What is aimed at: the figures that count (of several the worst), how they must compare, and in which words.
SIZES = (64, 256, 512, 1420)
ALGORITHMS = ("aes128gcm", "aes256gcm")


def esp_added(direction):
    return [f"esp/{a}-ipsecmb-{s}/{direction}_added_cycles" for a in ALGORITHMS for s in SIZES]


TARGETS = [
    ("ESP adds to sealing, cycles, worst of 64 to 1420 bytes", esp_added("seal"), "<=", 60),
    ("ESP adds to opening, cycles, worst of 64 to 1420 bytes", esp_added("open"), "<=", 60),
    ("10,000 SAs to one, sealing 1420 bytes", ["scale/aes256gcm-1420-10000/seal_ratio_to_one"], "<=", 1.5),
    ("10,000 SAs to one, opening 1420 bytes", ["scale/aes256gcm-1420-10000/open_ratio_to_one"], "<=", 1.5),
    ("100,000 SAs to one, sealing 1420 bytes", ["scale/aes256gcm-1420-100000/seal_ratio_to_one"], "<=", 1.5),
    ("100,000 SAs to one, opening 1420 bytes", ["scale/aes256gcm-1420-100000/open_ratio_to_one"], "<=", 1.5),
    ("two workers to one, one SA, sealing", ["cores/one-sa/speedup"], ">=", 1.7),
    ("two workers to one, one SA, opening", ["cores/one-sa/open_speedup"], ">=", 1.7),
    ("reordered on two workers", ["cores/one-sa/reordered"], "<=", 0),
    ("replay drops on two workers", ["cores/one-sa/replay_drops"], "<=", 0),
    ("sealing to moving, 1420 bytes, one process", ["forward/seal-1420/ratio_to_rings"], ">=", 0.80),
    ("IKE SAs a second and core, responder, PSK", ["ike/psk-responder/sa_per_s_core"], ">=", 8000),
    ("IKE SAs a second and core, responder, ECDSA", ["ike/ecdsa-responder/sa_per_s_core"], ">=", 4000),
    ("bytes of the controller for an IKE and Child SA", ["ike/pair/bytes"], "<=", 8192),
    ("chain, one TCP stream to plain, AF_XDP", ["chain/tcp1/ratio_to_plain"], ">=", 0.75),
    ("chain, one TCP stream to plain, vnet", ["chain/tcp1/vnet_ratio_to_plain"], ">=", 0.75),
    ("chain, 1400 bytes lossless, kpps, AF_XDP", ["chain/udp1400/lossless_kpps"], ">=", 250),
    ("chain, 1400 bytes lossless, kpps, vnet", ["chain/udp1400/vnet_lossless_kpps"], ">=", 250),
    ("chain, 46 bytes lossless, kpps, AF_XDP", ["chain/udp46/lossless_kpps"], ">=", 300),
    ("chain, 46 bytes lossless, kpps, vnet", ["chain/udp46/vnet_lossless_kpps"], ">=", 300),
    ("chain, round trip above plain, ms", ["chain/rtt/added_ms"], "<=", 0.1),
    ("chain, idle gateways, % of a core", ["chain/idle/cpu_percent"], "<", 1),
]


def read_lines(paths):
    """{key: (value, spread)} in order of appearance."""
    figures = {}
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = line.split()
                if line.startswith("#") or not words:
                    continue
                if len(words) != 3 or words[0].count("/") != 2:
                    sys.exit(f"{path}: not a figure: {line.strip()}")
                figures[words[0]] = (float(words[1]), float(words[2]))
    return figures


def number(x):
    if x != x:
        return "-"
    return f"{x:.0f}" if abs(x) >= 1000 or x == int(x) else f"{x:.1f}" if abs(x) >= 10 else f"{x:.3g}"


def print_columns(cases, metrics, cell):
    name_width = max(len(c) for c in cases) + 2
    widths = [max(len(m), *(len(cell(c, m)) for c in cases)) + 2 for m in metrics]
    while metrics:
        used, taken = name_width, 0
        while taken < len(metrics) and (used + widths[taken] <= WIDTH or not taken):
            used += widths[taken]
            taken += 1
        print(" " * name_width + "".join(m.rjust(w) for m, w in zip(metrics[:taken], widths)))
        for c in cases:
            print(c.ljust(name_width) + "".join(cell(c, m).rjust(w) for m, w in zip(metrics[:taken], widths)))
        print()
        metrics, widths = metrics[taken:], widths[taken:]


def print_tables(figures):
    suites = {}
    for key in figures:
        suite, case, metric = key.split("/")
        cases, metrics = suites.setdefault(suite, ({}, {}))
        cases[case] = metrics[metric] = True
    for suite, (cases, metrics) in suites.items():
        def cell(case, metric, suite=suite):
            figure = figures.get(f"{suite}/{case}/{metric}")
            return f"{number(figure[0])} ±{number(figure[1])}" if figure else ""
        print(f"\n{suite}")
        print_columns(list(cases), list(metrics), cell)


def load(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def merge(path, figures):
    replaced = {key.split("/")[0] for key in figures}
    merged = {k: v for k, v in load(path).items() if k.split("/")[0] not in replaced}
    merged.update({k: v for k, (v, _) in figures.items() if v == v})
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(merged, f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)


def reached(figures, keys, op):
    there = [figures[k] for k in keys if k in figures]
    if not there:
        return None
    return max(there) if op.startswith("<") else min(there)


def print_targets(figures):
    compare = {"<=": lambda a, b: a <= b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b}
    print(f"{'':60}{'target':>10}{'reached':>10}")
    for words, keys, op, target in TARGETS:
        value = reached(figures, keys, op)
        verdict = "not measured" if value is None else "hit" if compare[op](value, target) else "missed"
        print(f"{words:60}{op + ' ' + number(target):>10}{'' if value is None else number(value):>10}  {verdict}")


def main(args):
    if len(args) == 2 and args[0] == "--targets":
        print_targets(load(args[1]))
    elif len(args) >= 2 and not args[0].startswith("-"):
        figures = read_lines(args[1:])
        merge(args[0], figures)
        print_tables(figures)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
