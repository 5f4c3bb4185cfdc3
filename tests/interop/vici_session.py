#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a client may rely upon that knows vici from its description alone (vici_client.py), shown on a gateway with one tunnel.

    vici_session.py SOCKET      connection "site", child "net"; prints "ok" or "not ok" and what it was, and counts failures
"""
import struct
import sys

from vici_client import EVENT, REGISTER, REQUEST, RESPONSE, Session, ViciError, build, name


def packet(kind, what, tree):
    body = bytes([kind]) + name(what) + build(tree)
    return struct.pack("!I", len(body)) + body


def events_before_the_answer(vici):
    """control-log between request and response, and the answer ends it."""
    events, reply = vici.stream("initiate", "control-log", child="net", timeout="10000")
    assert reply == {"success": "yes"}, reply
    assert any("Child SA net" in e["msg"] for e in events), events
    assert all(e["ikesa-name"] == "site" and e["level"] in "01" and e["ikesa-uniqueid"].isdigit() for e in events), events


def two_streams_one_after_the_other(vici):
    for event, command in (("list-sa", "list-sas"), ("list-conn", "list-conns")) * 2:
        events, reply = vici.stream(command, event)
        assert [list(e) for e in events] == [["site"]] and reply == {}, (events, reply)


def unregistered_is_not_sent(vici):
    vici.events = []
    assert vici.request("list-sas") == {} and vici.events == [], vici.events


def unknown_event(vici):
    assert not vici.register("no-such-event")
    assert not vici.register("list-sa", False), "it was not registered for"


def unknown_command(vici):
    try:
        vici.request("no-such-command")
    except ViciError as e:
        assert "unknown command" in str(e), e
    else:
        raise AssertionError("it was answered")
    assert vici.request("version")["daemon"] == "xswan-ike"


def requests_at_once_are_answered_in_order(vici):
    vici.send_raw(packet(REQUEST, "version", {}) + packet(REQUEST, "stats", {}) + packet(REQUEST, "get-conns", {}))
    for key in ("daemon", "uptime", "conns"):
        kind, tree = vici.answer()
        assert kind == RESPONSE and key in tree, tree


def byte_by_byte(vici):
    for byte in packet(REQUEST, "version", {}):
        vici.send_raw(bytes([byte]))
    kind, tree = vici.answer()
    assert kind == RESPONSE and tree["daemon"] == "xswan-ike", tree


def events_of_others_work(vici):
    """One client's terminate is another's ike-updown; and rekeys are told with both SAs."""
    for event in ("ike-updown", "child-updown", "ike-rekey", "child-rekey", "log"):
        assert vici.register(event), event
    other = Session(vici.sock.getpeername())
    assert other.request("rekey", child="net") == {"success": "yes", "matches": "1"}
    while not any(what == "child-rekey" for what, _ in vici.events):
        kind, what, tree = vici.packet()
        assert kind == EVENT, kind
        vici.events.append((what, tree))
    rekeyed = next(tree for what, tree in vici.events if what == "child-rekey")["site"]["child-sas"]["net"]
    assert int(rekeyed["new"]["uniqueid"]) > int(rekeyed["old"]["uniqueid"]), rekeyed
    assert other.request("terminate", ike="site", timeout="10000")["terminated"] == "1"
    while not any(what == "ike-updown" for what, _ in vici.events):
        vici.events.append(vici.packet()[1:])
    down = next(tree for what, tree in vici.events if what == "ike-updown")
    assert "up" not in down and down["site"]["initiator"] == "yes", down
    child = next(tree for what, tree in vici.events if what == "child-updown")
    assert "up" not in child and len(child["site"]["child-sas"]) == 1, child
    assert any(tree.get("ikesa-name") == "site" for what, tree in vici.events if what == "log"), vici.events
    other.close()


def malformed_closes_that_one_alone(vici):
    for bad in (struct.pack("!I", 1 << 20), struct.pack("!I", 0), struct.pack("!I", 10) + b"\0\7version\5",
                struct.pack("!I", 3) + bytes([REQUEST, 200, 65]), struct.pack("!I", 1) + bytes([RESPONSE]),
                packet(REGISTER, "log", {}) + b"\0\0\0\1\x09"):
        other = Session(vici.sock.getpeername(), 5)
        other.send_raw(bad)
        try:
            while True:
                other.packet()
        except ViciError as e:
            assert "closed" in str(e), e
        other.close()
    assert vici.request("version")["daemon"] == "xswan-ike"


def main(path):
    failed = 0
    for test in (unknown_event, unknown_command, events_before_the_answer, two_streams_one_after_the_other,
                 unregistered_is_not_sent, requests_at_once_are_answered_in_order, byte_by_byte,
                 malformed_closes_that_one_alone, events_of_others_work):
        vici = Session(path)
        try:
            test(vici)
            print("ok", test.__name__)
        except (AssertionError, ViciError, OSError, KeyError, StopIteration) as e:
            failed += 1
            print("not ok", test.__name__, type(e).__name__, e)
        vici.close()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
