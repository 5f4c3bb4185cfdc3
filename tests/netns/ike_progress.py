#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a controller how many IKE SAs are up until all are, and how long it takes to answer.

    ike_progress.py SOCKET COUNT SECONDS

Prints one JSON object: how many were up in the end, seconds that it took, and the slowest answer to `stats` and to the
status of one connection, in milliseconds. Fails when not all are up within SECONDS.
"""
import json
import socket
import struct
import sys
import time

KEY_VALUE, REQUEST, RESPONSE = 3, 0, 1


def receive(vici, size):
    data = b""
    while len(data) < size:
        part = vici.recv(size - len(data))
        if not part:
            sys.exit("the controller has closed the connection")
        data += part
    return data


def request(vici, command, **arguments):
    """(reply, milliseconds)"""
    packet = bytes([REQUEST, len(command)]) + command.encode()
    for key, value in arguments.items():
        packet += bytes([KEY_VALUE, len(key)]) + key.encode() + struct.pack("!H", len(value)) + value.encode()
    begin = time.monotonic()
    vici.sendall(struct.pack("!I", len(packet)) + packet)
    reply = receive(vici, struct.unpack("!I", receive(vici, 4))[0])
    if reply[0] != RESPONSE:
        sys.exit(f"{command}: answered with packet type {reply[0]}")
    return reply, (time.monotonic() - begin) * 1000


def number(reply, key):
    """The value of the first such key in the reply."""
    at = reply.index(bytes([KEY_VALUE, len(key)]) + key.encode()) + 2 + len(key)
    size = struct.unpack_from("!H", reply, at)[0]
    return int(reply[at + 2:at + 2 + size])


def main(path, count, seconds):
    vici = socket.socket(socket.AF_UNIX)
    vici.connect(path)
    vici.settimeout(30)
    begin, up, slowest = time.monotonic(), -1, {"stats": 0.0, "list-sas": 0.0}
    while up < count and time.monotonic() - begin < seconds:
        time.sleep(0.05)
        reply, took = request(vici, "stats")
        slowest["stats"] = max(slowest["stats"], took)
        section = reply.index(b"ikesas")
        up = number(reply[section:], "total") - number(reply[section:], "half-open")
        slowest["list-sas"] = max(slowest["list-sas"], request(vici, "list-sas", ike="site0")[1])
    print(json.dumps({"up": up, "seconds": round(time.monotonic() - begin, 2),
                      "stats_ms": round(slowest["stats"], 1), "list_sas_ms": round(slowest["list-sas"], 1)}))
    return up < count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
