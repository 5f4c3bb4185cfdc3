#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/tuning.md from top to bottom, on gateways that are as docs/quickstart.md leaves them. What takes a card is skipped.
set -u
WIRE=router
. "$(dirname "$0")/../netns/setup.sh"
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/page.sh"
needs_machine

page_lacks_nic()
{
	echo "no network card with queues and RSS in these namespaces"
}

page_lacks_whole-machine()
{
	echo "a setting of the whole machine, not of a namespace"
}

page_machines
PAGE_UNTIL="apt purge" page docs/quickstart.md
page docs/tuning.md
check_end
