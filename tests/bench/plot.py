#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the figures of the benchmarks as bar charts.

    plot.py FIGURES.json DIRECTORY

FIGURES.json is the flat object that run.sh writes; a chart whose figures are not all there is left out. In the chart of
the chain, the marks are what other gateways reached on a machine of the same kind, each over the same chain of
namespaces: DPDK 22.11 ipsec-secgw, VPP 24.06, strongSwan 5.9.8 kernel-libipsec, wireguard-go.
"""
import json
import math
import os
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 74, 24, 76, 62
COLORS = ("#2f6690", "#d98032", "#81a88d", "#9d6a9c")
INK, GRID, PAPER = "#222222", "#dddddd", "#ffffff"
FONT = "font-family='sans-serif'"

# label, gateway: TCP x1, TCP x8 Gbit/s; 46 and 1400 bytes lossless, kpps
PEERS = {
    "DPDK": (2.4, 1.8, 70, 66),
    "VPP": (2.2, 1.8, 111, 107),
    "libipsec": (0.75, 0.75, 57, 45),
    "wireguard-go": (0.6, 0.7, 59, 23),
}
MARKS = {"DPDK": "#b3202c", "VPP": "#6b4fa0", "libipsec": "#1b7f5c", "wireguard-go": "#555555"}


class Chart:
    """Groups of bars side by side over one axis. `groups` are labels, `series` maps a name to one value per group."""

    def __init__(self, title, unit, groups, series, marks=None, lines=None):
        self.title, self.unit, self.groups, self.series = title, unit, groups, series
        self.marks = marks or {}  # name: one value per group, or None
        self.lines = lines or []  # (value, label)
        values = [v for vs in list(series.values()) + list(self.marks.values()) for v in vs if v is not None]
        self.step, self.top = scale(max(values + [v for v, _ in self.lines]))
        self.out = []

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, words, anchor="middle", size=12, extra=""):
        self.out.append(f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}' fill='{INK}' "
                        f"text-anchor='{anchor}' {extra}>{escape(words)}</text>")

    def line(self, x1, y1, x2, y2, color, extra=""):
        self.out.append(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{color}' {extra}/>")

    def rect(self, x, y, w, h, color):
        self.out.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{w:.1f}' height='{h:.1f}' fill='{color}'/>")

    def draw_axis(self):
        for i in range(round(self.top / self.step) + 1):
            value = i * self.step
            self.line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), GRID)
            self.text(LEFT - 8, self.y(value) + 4, label(value), "end")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.text(20, middle, self.unit, extra=f"transform='rotate(-90 20 {middle:.0f})'")

    def draw_legend(self):
        x = LEFT
        for name, color in zip(self.series, COLORS):
            self.rect(x, TOP - 30, 12, 12, color)
            self.text(x + 17, TOP - 20, name, "start")
            x += 17 + 7.2 * len(name) + 18
        for name in self.marks:
            self.line(x, TOP - 24, x + 14, TOP - 24, MARKS[name], "stroke-width='3'")
            self.text(x + 19, TOP - 20, name, "start")
            x += 19 + 7.2 * len(name) + 18

    def draw_bars(self):
        room = (WIDTH - LEFT - RIGHT) / len(self.groups)
        bar = min(room * 0.76 / len(self.series), 64)
        for g, name in enumerate(self.groups):
            start = LEFT + room * (g + 0.5) - bar * len(self.series) / 2
            for s, (values, color) in enumerate(zip(self.series.values(), COLORS)):
                if values[g] is None:
                    continue
                self.rect(start + s * bar + 1, self.y(values[g]), bar - 2, self.y(0) - self.y(values[g]), color)
                self.text(start + (s + 0.5) * bar, self.y(values[g]) - 5, label(values[g]), size=11)
            for peer, values in self.marks.items():
                if values[g] is not None:
                    self.line(start - 6, self.y(values[g]), start + bar * len(self.series) + 6, self.y(values[g]),
                              MARKS[peer], "stroke-width='2' stroke-dasharray='5 3'")
            self.text(LEFT + room * (g + 0.5), HEIGHT - BOTTOM + 20, name)

    def svg(self):
        self.text(WIDTH / 2, 24, self.title, size=15, extra="font-weight='bold'")
        self.draw_axis()
        self.draw_bars()
        for value, words in self.lines:
            self.line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), "#b3202c", "stroke-dasharray='6 4'")
            self.text(WIDTH - RIGHT, self.y(value) - 5, words, "end")
        self.draw_legend()
        self.line(LEFT, self.y(0), WIDTH - RIGHT, self.y(0), INK)
        return (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' "
                f"height='{HEIGHT}'>\n<rect width='{WIDTH}' height='{HEIGHT}' fill='{PAPER}'/>\n" +
                "\n".join(self.out) + "\n</svg>\n")


def scale(largest):
    """A round step of the axis, and its end: a multiple that leaves room above the largest value."""
    raw = max(largest, 1e-9) * 1.08 / 5
    power = 10 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw)
    return step, step * math.ceil(largest * 1.08 / step)


def label(value):
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2g}" if value < 1 else f"{value:.3g}"


def esp_chart(f, algorithm, words):
    sizes = (64, 256, 512, 1420)
    key = "esp/" + algorithm + "-ipsecmb-{}/{}_cycles"
    return Chart(f"Cycles per packet in memory, {words}, intel-ipsec-mb", "cycles per packet", [f"{s} bytes" for s in sizes], {
        "cipher alone, seal": [f[key.format(s, "bare_seal")] for s in sizes],
        "ESP, seal": [f[key.format(s, "seal")] for s in sizes],
        "cipher alone, open": [f[key.format(s, "bare_open")] for s in sizes],
        "ESP, open": [f[key.format(s, "open")] for s in sizes],
    })


def added_chart(f):
    sizes = (64, 256, 512, 1420)
    series = {}
    for algorithm, words in (("aes128gcm", "AES-128"), ("aes256gcm", "AES-256")):
        for direction in ("seal", "open"):
            series[f"{words}, {direction}"] = [f[f"esp/{algorithm}-ipsecmb-{s}/{direction}_added_cycles"] for s in sizes]
    return Chart("What ESP adds to the cipher alone", "cycles per packet", [f"{s} bytes" for s in sizes], series,
                 lines=[(60, "target")])


def scale_chart(f):
    counts = sorted({int(k.split("/")[1].rsplit("-", 1)[1]) for k in f if k.startswith("scale/aes256gcm-1420-")})
    if len(counts) < 2:
        raise KeyError("scale")
    return Chart("Many SAs, visited in random order, AES-256-GCM", "cycles per packet",
                 [f"{c:,} SA{'s' if c > 1 else ''}" for c in counts], {
                     f"{direction}, {s} bytes": [f[f"scale/aes256gcm-{s}-{c}/{direction}_cycles"] for c in counts]
                     for s in (64, 1420) for direction in ("seal", "open")
                 }, lines=[(1.5 * f["scale/aes256gcm-1420-1/seal_cycles"], "1.5 x one SA, 1420 bytes")])


def forward_chart(f):
    sizes = sorted({int(k.split("/")[1].split("-")[1]) for k in f if k.startswith("forward/seal-")})
    if not sizes:
        raise KeyError("forward")
    return Chart("One process between two veths, AES-256-GCM", "million packets per second", [f"{s} bytes" for s in sizes], {
        "rings alone": [f[f"forward/rings-{s}/mpps"] for s in sizes],
        "sealing": [f[f"forward/seal-{s}/mpps"] for s in sizes],
    })


def chain_tcp_chart(f):
    return Chart("Host - gateway - gateway - host on two cores: TCP", "Gbit/s", ["one flow", "eight flows"], {
        "kernel forwarding, no crypto, offloads off": [f[f"chain/tcp{n}/plain_gbps"] for n in (1, 8)],
        "xswan, AF_XDP": [f[f"chain/tcp{n}/gbps"] for n in (1, 8)],
        "xswan, vnet": [f[f"chain/tcp{n}/vnet_gbps"] for n in (1, 8)],
    }, {peer: v[:2] for peer, v in PEERS.items()})


def chain_udp_chart(f):
    return Chart("Host - gateway - gateway - host on two cores: UDP without loss", "thousand packets per second",
                 ["46 bytes", "1400 bytes"], {
                     "kernel forwarding, no crypto, offloads off": [f[f"chain/udp{n}/plain_lossless_kpps"] for n in (46, 1400)],
                     "xswan, AF_XDP": [f[f"chain/udp{n}/lossless_kpps"] for n in (46, 1400)],
                     "xswan, vnet": [f[f"chain/udp{n}/vnet_lossless_kpps"] for n in (46, 1400)],
                 }, {peer: v[2:] for peer, v in PEERS.items()})


CHARTS = {
    "esp-aes256gcm": lambda f: esp_chart(f, "aes256gcm", "AES-256-GCM"),
    "esp-aes128gcm": lambda f: esp_chart(f, "aes128gcm", "AES-128-GCM"),
    "esp-added": added_chart,
    "scale": scale_chart,
    "forward": forward_chart,
    "chain-tcp": chain_tcp_chart,
    "chain-udp": chain_udp_chart,
}


def main(args):
    if len(args) != 2:
        sys.exit(__doc__)
    with open(args[0], encoding="utf-8") as file:
        figures = json.load(file)
    os.makedirs(args[1], exist_ok=True)
    drawn = 0
    for name, make in CHARTS.items():
        path = os.path.join(args[1], name + ".svg")
        try:
            chart = make(figures)
        except KeyError as missing:
            print(f"{path}: left out, no figure {missing}")
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(chart.svg())
        drawn += 1
        print(path)
    return 0 if drawn else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
