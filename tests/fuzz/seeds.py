#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: seeds.py tests/fuzz/corpus

What each begins with is said at the head of its target. struct xswan_dp_sa_add is taken from include/xswan/dp_proto.h by
the compiler, so that the seeds stay what they are meant to be when it changes.
"""
import os
import struct
import subprocess
import sys
import tempfile

IP4 = bytes.fromhex("450000000001000040110000c0000201c0000202")
TCP = bytes.fromhex("03e807d00000000100000001501000ff00000000")


def ip4(proto, payload, frag=0):
    h = bytearray(IP4)
    h[2:4] = struct.pack(">H", 20 + len(payload))
    h[6:8] = struct.pack(">H", frag)
    h[9] = proto
    return bytes(h) + payload


def ip6(next_header, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64) + bytes([0xfd] + 15 * [0]) * 2 + payload


def udp(payload):
    return struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0) + payload


def trailer(packet, next_header):
    pad = -(len(packet) + 2) % 16
    return packet + bytes(range(1, pad + 1)) + bytes([pad, next_header])


INNER = {
    "udp4": (4, ip4(17, udp(b"x" * 32))),
    "tcp4": (4, ip4(6, TCP + b"y" * 40)),
    "fragment4": (4, ip4(17, udp(b"x" * 32), 0x2000)),
    "udp6": (41, ip6(17, udp(b"x" * 32))),
    "chain6": (41, ip6(0, bytes([60, 0]) + bytes(6) + bytes([44, 0]) + bytes(6) + bytes([17, 0, 0, 0, 0, 0, 0, 9]) + udp(b"z" * 8))),
    "dummy": (59, b"d" * 40),
}


def esp_open():
    for name, (next_header, packet) in INNER.items():
        for shape in range(16):
            yield f"{name}-{shape}", bytes([shape, shape * 3, 1]) + trailer(packet, next_header)
    yield "raw4", bytes([0, 0, 0]) + ip4(50, struct.pack(">II", 0x77000009, 1) + b"e" * 64)
    yield "raw6", bytes([1, 0, 0]) + ip6(50, struct.pack(">II", 0x77000009, 1) + b"e" * 64)


def headers():
    for name, (_, packet) in INNER.items():
        yield f"seal-{name}", bytes([0, 0, 0]) + packet
        yield f"seal-transport-{name}", bytes([0, 2, 3]) + packet
        yield f"ip-{name}", bytes([1, 0, 4]) + packet
        frame = bytes(12) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
        yield f"join-{name}", bytes([3, 0, 0]) + frame + frame
    big = bytes(12) + b"\x08\x00" + ip4(6, TCP + b"s" * 900)
    yield "super-tcp4", bytes([2, 0, 0]) + struct.pack("<BBHHHH", 1, 1, 54, 300, 34, 16) + big
    big = bytes(12) + b"\x86\xdd" + ip6(17, udp(b"s" * 900))
    yield "super-udp6", bytes([2, 0, 0]) + struct.pack("<BBHHHH", 1, 5, 62, 300, 54, 6) + big


RECORDS = r"""
#include <stdio.h>
#include "tests/fuzz/fuzz.h"
static void record(const void *r, size_t len) { putchar(len >> 8); putchar(len & 255); fwrite(r, len, 1, stdout); }
int main(int argc, char **argv)
{
	struct xswan_dp_hello hello = { .h = { XSWAN_DP_HELLO, 1 }, .version = XSWAN_DP_VERSION };
	struct xswan_dp_sa_remove remove = { .h = { XSWAN_DP_SA_REMOVE, 3 }, .uid = 1, .slot = XSWAN_SPI_SLOT(FUZZ_SPI) };
	struct xswan_dp_sa_add add;
	const int which = atoi(argv[1]);

	fuzz_request(&add, which & 1 ? XSWAN_DP_IN : XSWAN_DP_OUT, which % FUZZ_SHAPES, fuzz_alg(which));
	add.h.op = XSWAN_DP_SA_ADD;
	remove.dir = add.dir;
	record(&hello, sizeof(hello));
	record(&add, sizeof(add));
	record(&remove, sizeof(remove));
	return 0;
}
"""


def dp_socket():
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "records")
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-w", "-I.", "-Iinclude", "-Wl,--unresolved-symbols=ignore-all", "-xc", "-", "-xc",
                        "user/lib/esp_alg.c", "-o", program], input=RECORDS, text=True, check=True)
        for which in range(8):
            yield f"add-{which}", subprocess.run([program, str(which * 5)], capture_output=True, check=True).stdout


def main(directory):
    for target in (esp_open, headers, dp_socket):
        path = os.path.join(directory, target.__name__)
        os.makedirs(path, exist_ok=True)
        for name, data in target():
            with open(os.path.join(path, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main(sys.argv[1])
