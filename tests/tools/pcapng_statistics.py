# SPDX-License-Identifier: Apache-2.0
"""Prints what the interface statistics blocks of a pcapng file say, which tshark does not show: interface, received, dropped."""
import struct
import sys

IFRECV, IFDROP, STATISTICS = 4, 5, 5


def options(data, at):
    while True:
        code, length = struct.unpack_from("HH", data, at)
        if not code:
            return
        yield code, data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("II", data, at)
        if kind == STATISTICS:
            found = {code: value for code, value in options(data, at + 20)}
            print(struct.unpack_from("I", data, at + 8)[0], *(struct.unpack("Q", found[code])[0] for code in (IFRECV, IFDROP)))
        at += size


main()
