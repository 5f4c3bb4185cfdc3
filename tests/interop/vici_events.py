#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints events of a controller's vici socket as they come, each as one JSON object: {"event": its name, "is": its message}.

    vici_events.py SOCKET EVENT…

The first line says which of the events the controller has: {"registered": […]}.
"""
import json
import sys

from vici_client import EVENT, Session

vici = Session(sys.argv[1], None)
print(json.dumps({"registered": [event for event in sys.argv[2:] if vici.register(event)]}), flush=True)
while True:
    kind, event, message = vici.packet()
    if kind != EVENT:
        sys.exit(f"vici_events.py: packet type {kind} is no event")
    print(json.dumps({"event": event, "is": message}), flush=True)
