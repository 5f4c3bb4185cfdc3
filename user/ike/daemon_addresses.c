/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine hears of this host's addresses and routes. */
#include <errno.h>
#include <string.h>

#include "daemon.h"

/* Behind the gateway, and inside tunnels: IKE and ESP do not come that way. */
static bool excluded(void *ctx, const char *device)
{
	const struct gateway_conf *g = &((const struct daemon *)ctx)->gateway;

	for (int i = 0; i < g->port_count; i++)
		if (g->ports[i].role == XSWAN_ROLE_INSIDE && !strcmp(g->ports[i].device, device))
			return true;
	return !strcmp(g->tunnel, device);
}

void daemon_addresses_tell(struct daemon *d)
{
	int count;
	const struct addr *list = addresses_list(d->addresses, &count);

	engine_local_addresses(d->engine, list, count, daemon_now());
}

bool daemon_has_address(const struct daemon *d, const struct addr *addr)
{
	int count;
	const struct addr *list = addresses_list(d->addresses, &count);

	for (int i = 0; i < count; i++)
		if (addr_equal(&list[i], addr))
			return true;
	return false;
}

static void on_changed(void *ctx)
{
	struct daemon *d = ctx;
	char text[ADDR_TEXT];
	int count;
	const struct addr *list = addresses_list(d->addresses, &count);

	log_debug("the addresses of this host have changed");
	for (int i = 0; i < count; i++)
		log_debug("address %s", addr_format(&list[i], text));
	daemon_addresses_tell(d);
	wanted_hurry(&d->wanted, NULL, daemon_now()); /* what there was no way for there may be one now */
	daemon_pump(d);
}

int daemon_route(void *ctx, const struct addr *remote, struct addr *local)
{
	return udp_local_address(remote, local);
}

int daemon_addresses_open(struct daemon *d)
{
	const struct addresses_config config = { .excluded = excluded, .changed = on_changed, .ctx = d };

	return addresses_open(&d->addresses, d->base, &config);
}
