#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what the panels of the Grafana dashboard show, from a Prometheus that has it.

    panels.py DASHBOARD.json URL START END DIRECTORY

START and END are seconds since 1970. Each row of the dashboard becomes a picture, with its panels where the dashboard has
them: lines over time, numbers, and tables of labels.
"""
import json
import os
import re
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
import plot  # noqa: E402

plot.COLORS = ("#2f6690", "#d98032", "#81a88d", "#9d6a9c", "#b3202c", "#6b4fa0", "#1b7f5c", "#555555")
UNIT, STEP = 70, 36  # pixels of a column and of a line of the dashboard's grid
WINDOW = "10s"  # for rates: Prometheus scrapes once a second here
ROWS = 7  # of a table
# labels that are the same everywhere here, or that a picture has no room for
HIDDEN = {"__name__", "instance", "job", "issuer", "placement", "worker"}
UNITS = {"pps": "packets/s", "bps": "bit/s", "s": "s", "bytes": "B", "percentunit": "of a core", "ops": "a second"}


def ask(url, what, **values):
    with urllib.request.urlopen(f"{url}/api/v1/{what}?{urllib.parse.urlencode(values)}", timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def expression(target):
    return target["expr"].replace("$__rate_interval", WINDOW).replace("$instance", ".*")


def legend(target, labels):
    words = re.sub(r"{{ *([a-z_]+) *}}", lambda m: labels.get(m[1], ""), target.get("legendFormat") or "")
    return words or " ".join(v for k, v in sorted(labels.items()) if k not in HIDDEN and v)


def number(text):
    value = float(text)
    return None if value != value else value


def scaled(series, unit):
    """The values with a factor that leaves few digits, and the unit with that."""
    largest = max((v for values in series.values() for v in values if v is not None), default=0)
    factor, prefix = next(((f, p) for f, p in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if unit and largest >= f), (1, ""))
    return {name: [v if v is None else v / factor for v in values] for name, values in series.items()}, prefix + unit


class Lines(plot.Chart):
    """One line for each series; its values are a list with one for each second, None where there is none."""

    def draw_bars(self):
        count = len(self.groups)
        room = (plot.WIDTH - plot.LEFT - plot.RIGHT) / max(count - 1, 1)
        for values, color in zip(self.series.values(), plot.COLORS):
            run = []
            for i, value in enumerate([*values, None]):
                if value is not None:
                    run.append(f"{plot.LEFT + i * room:.1f},{self.y(value):.1f}")
                elif run:
                    self.out.append(f"<polyline points='{' '.join(run)}' fill='none' stroke='{color}' stroke-width='2'/>")
                    run = []
        for i in range(0, count, max(1, count // 6)):
            self.text(plot.LEFT + i * room, plot.HEIGHT - plot.BOTTOM + 20, f"{self.groups[i]} s")


def timeseries(panel, url, start, end):
    times = range(start, end + 1)
    series = {}
    for target in panel["targets"]:
        for s in ask(url, "query_range", query=expression(target), start=start, end=end, step=1):
            at = {int(float(t)): number(v) for t, v in s["values"]}
            values = [at.get(t) for t in times]
            if any(v is not None for v in values):
                series[legend(target, s["metric"])] = values
    series = dict(list(series.items())[:len(plot.COLORS)])
    series, unit = scaled(series, UNITS.get(panel["fieldConfig"]["defaults"].get("unit"), ""))
    largest = max((v for values in series.values() for v in values if v is not None), default=0)
    chart = Lines(panel["title"], unit, [0], {"": [largest or 1]})
    chart.groups, chart.series = [t - start for t in times], series
    return chart.svg()


class Words(plot.Chart):
    """What is no chart: lines of text."""

    def __init__(self, title, lines, size):
        super().__init__(title, "", [""], {"": [1]})
        self.lines_of_text, self.size = lines, size

    def draw_axis(self):
        pass

    draw_legend = draw_axis

    def draw_bars(self):
        for i, words in enumerate(self.lines_of_text):
            self.text(plot.LEFT, 50 + (i + 1) * (self.size + 12), words, "start", self.size)

    def svg(self):
        chart = re.sub(r"<line [^>]*/>\n?", "", super().svg())
        return chart.replace("font-size='15'", f"font-size='{min(self.size, 26)}'")


def at_the_end(panel, url, end):
    lines = []
    for target in panel["targets"]:
        for s in ask(url, "query", query=expression(target), time=end):
            value = number(s["value"][1])
            lines.append(f"{'-' if value is None else plot.label(value)}   {legend(target, s['metric'])}")
    if panel["type"] == "stat":
        return Words(panel["title"], lines, 54).svg()
    more = [f"and {len(lines) - ROWS} more"] if len(lines) > ROWS else []
    return Words(panel["title"], (lines[:ROWS] + more) or ["none"], 20).svg()


def place(panel, svg, top):
    g = panel["gridPos"]
    box = f"x='{g['x'] * UNIT}' y='{(g['y'] - top) * STEP}' width='{g['w'] * UNIT}' height='{g['h'] * STEP}'"
    return re.sub(r" width='\d+' height='\d+'>", f" {box} preserveAspectRatio='xMidYMin'>", svg, count=1)


def row_picture(panels, url, start, end):
    top = min(p["gridPos"]["y"] for p in panels)
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) - top
    parts = []
    for panel in panels:
        over_time = panel["type"] == "timeseries"
        parts.append(place(panel, timeseries(panel, url, start, end) if over_time else at_the_end(panel, url, end), top))
    size = f"viewBox='0 0 {24 * UNIT} {height * STEP}' width='{24 * UNIT}' height='{height * STEP}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>\n" + "".join(parts) + "</svg>\n"


def main():
    dashboard, url, start, end, directory = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    with open(dashboard, encoding="utf-8") as f:
        panels = json.load(f)["panels"]
    rows = []
    for panel in panels:
        if panel["type"] == "row":
            rows.append((panel["title"], []))
        else:
            rows[-1][1].append(panel)
    os.makedirs(directory, exist_ok=True)
    for title, members in rows:
        name = re.sub(r"[^a-z]+", "-", title.lower()).strip("-") + ".svg"
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(row_picture(members, url, start, end))
        print(name)


main()
