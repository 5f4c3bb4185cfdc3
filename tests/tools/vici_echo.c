/* SPDX-License-Identifier: Apache-2.0 */
/* vici_echo SOCKET: serves the gateway of canned_gateway.h, for clients that are not ours. Until killed. */
#include "../unit/canned_gateway.h"

int main(int argc, char **argv)
{
	struct vici_server *server;
	struct event_base *base;

	if (argc != 2) {
		fprintf(stderr, "usage: vici_echo SOCKET\n");
		return 2;
	}
	base = event_base_new();
	if (!base || vici_server_new(&server, base, argv[1], canned_commands, canned_events, NULL))
		return 1;
	event_base_dispatch(base);
	return 1;
}
