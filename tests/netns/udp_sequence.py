#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams whose every byte follows from their number, and who counts what became of them.

    udp_sequence.py send ADDRESS PORT COUNT RATE SIZE
    udp_sequence.py receive ADDRESS PORT FILE       until 0.5 s after the last one

FILE gets one JSON object: unique, again (a number seen before), late (overtaken), wrong (in any byte), top (the highest
number; -1: none). There is no UDP checksum, so that a wrong byte would reach the receiver.
"""
import json
import random
import socket
import struct
import sys
import time

SO_NO_CHECK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX = 11, 101, 102
NUMBER = struct.Struct("!QH")


def datagram(number, size):
    return NUMBER.pack(number, size) + random.Random(number).randbytes(size - NUMBER.size)


def udp(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_TX, 1)
        s.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
    else:
        s.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    return s


def send(address, port, count, rate, size):
    s = udp(address)
    s.connect((address, port))
    datagrams = [datagram(number, size) for number in range(count)]
    start = time.monotonic()
    for number, data in enumerate(datagrams):
        ahead = start + number / rate - time.monotonic()
        if ahead > 0.001:
            time.sleep(ahead)
        s.send(data)


def is_right(data):
    if len(data) < NUMBER.size:
        return False
    number, size = NUMBER.unpack_from(data)
    return size == len(data) and data == datagram(number, size)


def receive(address, port, file):
    s = udp(address)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((address, port))
    s.settimeout(20)
    received = []
    try:
        while True:
            received.append(s.recv(65536))
            s.settimeout(0.5)
    except TimeoutError:
        pass
    seen, top, found = set(), -1, {"unique": 0, "again": 0, "late": 0, "wrong": 0}
    for data in received:
        if not is_right(data):
            found["wrong"] += 1
            continue
        number = NUMBER.unpack_from(data)[0]
        found["again" if number in seen else "unique"] += 1
        found["late"] += number < top
        seen.add(number)
        top = max(top, number)
    found["top"] = top
    with open(file, "w") as f:
        json.dump(found, f)


if sys.argv[1] == "send":
    send(sys.argv[2], *map(int, sys.argv[3:7]))
else:
    receive(sys.argv[2], int(sys.argv[3]), sys.argv[4])
