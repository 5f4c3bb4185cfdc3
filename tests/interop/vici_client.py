# SPDX-License-Identifier: Apache-2.0
"""A vici client written from the protocol's description alone: packets, messages, sessions.

Packet: u32 length; u8 type; for requests, (un)registrations and events a name; the message. Events of what is
registered for may come at any time, before the answer to a command, too: a session keeps them.
"""
import socket
import struct

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, EVENT_UNKNOWN, EVENT = range(8)
SECTION, SECTION_END, KEY_VALUE, LIST, ITEM, LIST_END = range(1, 7)


class ViciError(Exception):
    pass


def name(text):
    return bytes([len(text)]) + text.encode()


def value(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!H", len(data)) + data


def build(tree):
    out = b""
    for key, what in tree.items():
        if isinstance(what, dict):
            out += bytes([SECTION]) + name(key) + build(what) + bytes([SECTION_END])
        elif isinstance(what, list):
            out += bytes([LIST]) + name(key) + b"".join(bytes([ITEM]) + value(i) for i in what) + bytes([LIST_END])
        else:
            out += bytes([KEY_VALUE]) + name(key) + value(what)
    return out


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ViciError("a message is cut short")
        self.at += count
        return self.data[self.at - count:self.at]

    def name(self):
        return self.take(self.take(1)[0]).decode()

    def value(self):
        data = self.take(struct.unpack("!H", self.take(2))[0])
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data

    def section(self, end):
        """Keys are unique in a section, lists hold only items, all is closed."""
        tree = {}
        while self.at < len(self.data):
            kind = self.take(1)[0]
            if kind == end:
                return tree
            key = self.name() if kind in (SECTION, KEY_VALUE, LIST) else None
            if key is None or key in tree:
                raise ViciError(f"element {kind}, key {key}: not allowed there, or twice")
            if kind == SECTION:
                tree[key] = self.section(SECTION_END)
            elif kind == KEY_VALUE:
                tree[key] = self.value()
            else:
                tree[key] = self.items()
        if end is not None:
            raise ViciError("a section is not closed")
        return tree

    def items(self):
        items = []
        while (kind := self.take(1)[0]) != LIST_END:
            if kind != ITEM:
                raise ViciError(f"element {kind} in a list")
            items.append(self.value())
        return items


class Session:
    def __init__(self, path, timeout=15):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.input = self.sock.makefile("rb", 1 << 18)
        self.events = []  # (name, tree), in order

    def close(self):
        self.input.close()
        self.sock.close()

    def send_raw(self, data):
        self.sock.sendall(data)

    def send(self, kind, what, message=b""):
        packet = bytes([kind]) + name(what) + message
        self.send_raw(struct.pack("!I", len(packet)) + packet)

    def receive(self, count):
        data = self.input.read(count)
        if len(data) < count:
            raise ViciError("the server has closed the connection")
        return data

    def packet(self, parse=True):
        reader = Reader(self.receive(struct.unpack("!I", self.receive(4))[0]))
        kind = reader.take(1)[0]
        what = reader.name() if kind == EVENT else None
        return kind, what, reader.section(None) if parse else None

    def answer(self, parse=True):
        """The next packet that is no event; those go to events."""
        while True:
            kind, what, tree = self.packet(parse)
            if kind != EVENT:
                return kind, tree
            self.events.append((what, tree))

    def register(self, event, on=True):
        self.send(REGISTER if on else UNREGISTER, event)
        return self.answer()[0] == CONFIRM

    def request(self, command, **arguments):
        self.send(REQUEST, command, build(arguments))
        kind, tree = self.answer()
        if kind == UNKNOWN:
            raise ViciError(f"unknown command: {command}")
        if kind != RESPONSE:
            raise ViciError(f"{command}: answered by packet type {kind}")
        return tree

    def count(self, command, event):
        """How many events a command streams, whatever is in them."""
        self.register(event)
        self.events = []
        self.send(REQUEST, command)
        self.answer(False)
        self.register(event, False)
        return len(self.events)

    def stream(self, command, event, **arguments):
        """(events, reply)"""
        if not self.register(event):
            raise ViciError(f"unknown event: {event}")
        self.events = []
        reply = self.request(command, **arguments)
        events = [tree for what, tree in self.events if what == event]
        self.register(event, False)
        return events, reply
