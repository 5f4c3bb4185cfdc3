#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints events of a controller's vici socket as they come, each as one JSON object: {"event": its name, "is": its message}.

    vici_events.py SOCKET EVENT…

The first line says which of the events the controller has: {"registered": […]}.
"""
import json
import socket
import struct
import sys

REGISTER, CONFIRM, EVENT = 3, 5, 7
SECTION, SECTION_END, KEY_VALUE, LIST, LIST_ITEM, LIST_END = range(1, 7)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, size):
        if size > len(self.data):
            sys.exit("vici_events.py: a message ends too early")
        part, self.data = self.data[:size], self.data[size:]
        return part

    def name(self):
        return self.take(self.take(1)[0]).decode()

    def value(self):
        return self.take(struct.unpack("!H", self.take(2))[0]).decode()

    def items(self):
        while (kind := self.take(1)[0]) == LIST_ITEM:
            yield self.value()
        if kind != LIST_END:
            sys.exit(f"vici_events.py: element {kind} in a list")

    def elements(self, inside=False):
        found = {}
        while self.data:
            kind = self.take(1)[0]
            if kind == SECTION_END and inside:
                return found
            if kind not in (SECTION, KEY_VALUE, LIST):
                sys.exit(f"vici_events.py: element {kind} in a section")
            name = self.name()
            if name in found:
                sys.exit(f"vici_events.py: {name} comes twice")
            if kind == SECTION:
                found[name] = self.elements(True)
            elif kind == LIST:
                found[name] = list(self.items())
            else:
                found[name] = self.value()
        if inside:
            sys.exit("vici_events.py: a section does not end")
        return found


def receive(vici, size):
    data = b""
    while len(data) < size:
        part = vici.recv(size - len(data))
        if not part:
            sys.exit("vici_events.py: the controller has closed the connection")
        data += part
    return data


def packet(vici):
    return receive(vici, struct.unpack("!I", receive(vici, 4))[0])


def register(vici, event):
    request = bytes([REGISTER, len(event)]) + event.encode()
    vici.sendall(struct.pack("!I", len(request)) + request)
    return packet(vici)[0] == CONFIRM


vici = socket.socket(socket.AF_UNIX)
vici.connect(sys.argv[1])
print(json.dumps({"registered": [event for event in sys.argv[2:] if register(vici, event)]}), flush=True)
while True:
    data = Reader(packet(vici))
    if data.take(1)[0] != EVENT:
        sys.exit("vici_events.py: this is no event")
    print(json.dumps({"event": data.name(), "is": data.elements()}), flush=True)
