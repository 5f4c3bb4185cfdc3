#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets one IKE daemon bring up all sites with another, and says what each spent on it.

    ike_charon.py COUNT SECONDS INITIATOR-SOCKET INITIATOR-PID RESPONDER-SOCKET RESPONDER-PID

Sockets are those of vici. The connections are site0, site1, ..., each with a child `net`. So many are under way at a time
that neither waits for the other, and none has to be sent again. Prints CPU seconds of the initiator, of the responder, and
wall seconds. Fails when not all are up within SECONDS.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from vici_client import Session  # noqa: E402

UNDER_WAY = 128
POLL = 0.01


class Daemon:
    def __init__(self, path, pid):
        self.pid = int(pid)
        self.vici = Session(path, 30)

    def cpu(self):
        """Seconds, of all its threads, in user space and kernel: as in stat, but not in clock ticks."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        return total / 1e9

    def established(self):
        ike_sas = self.vici.request("stats")["ikesas"]
        return int(ike_sas["total"]) - int(ike_sas["half-open"])

    def initiate(self, site):
        reply = self.vici.request("initiate", ike=f"site{site}", child="net", timeout="-1")
        if reply["success"] != "yes":
            sys.exit(f"site{site}: {reply}")


def bring_up(initiator, responder, count, seconds):
    """How many are up in the end."""
    deadline, asked, up = time.monotonic() + seconds, 0, 0
    while up < count and time.monotonic() < deadline:
        while asked < min(count, up + UNDER_WAY):
            initiator.initiate(asked)
            asked += 1
        time.sleep(POLL)
        up = responder.established()
    while initiator.established() < up and time.monotonic() < deadline:
        time.sleep(POLL)
    return up


def main(count, seconds, *ends):
    initiator, responder = Daemon(*ends[:2]), Daemon(*ends[2:])
    if initiator.established() or responder.established():
        sys.exit("there are IKE SAs already")
    before, begin = (initiator.cpu(), responder.cpu()), time.monotonic()
    up = bring_up(initiator, responder, int(count), float(seconds))
    wall = time.monotonic() - begin
    if up != int(count) or initiator.established() != up:
        sys.exit(f"{initiator.established()} and {up} of {count} are up after {wall:.1f} s")
    time.sleep(0.1)  # the Child SAs of the last
    print(f"{initiator.cpu() - before[0]:.4f} {responder.cpu() - before[1]:.4f} {wall:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
