/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKE ports, one pair of sockets per address family (RFC 7296 section 2.23, RFC 3948).
 * On the NAT port four zero bytes come before an IKE message; what has none is a keepalive, or
 * ESP that came in fragments, which xswan-dp hears of by itself. Endpoints given and taken here carry the well-known ports 500 and
 * 4500 for our own end, whatever the sockets are bound to.
 */
#ifndef XSWAN_IKE_UDP_H
#define XSWAN_IKE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "../lib/addr.h"

#define UDP_IKE_PORT 500
#define UDP_NAT_PORT 4500

struct udp;

struct udp_config {
	uint16_t ike_port, nat_port; /* to bind */
	void (*input)(void *ctx, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
		      size_t len);
	void (*drained)(void *ctx); /* after the last input of an event-loop turn */
	bool (*is_esp)(void *ctx, uint32_t spi); /* of an SA here: xswan-dp has its own copy */
	uint64_t *oversized, *no_marker; /* counters */
	void *ctx;
};

/* Binds; nothing is received yet. IPv6 is left out where the kernel has none. 0 or -errno, said in the log. */
int udp_open(struct udp **udp, struct event_base *base, const struct udp_config *config);
void udp_close(struct udp *udp);
int udp_start(struct udp *udp); /* forgets what has queued up and receives from here on */

/* One IKE message; adds the marker where it belongs. 0 or -errno. */
int udp_send(struct udp *udp, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
	     size_t len);
int udp_send_keepalive(struct udp *udp, const struct endpoint *local, const struct endpoint *remote);
uint16_t udp_wire_port(const struct udp *udp, uint16_t local_port); /* what our end has on the wire */

/* The address the kernel would send from; local->port is left alone. 0 or -errno (-ENETUNREACH, …). */
int udp_local_address(const struct addr *remote, struct addr *local);

#endif
