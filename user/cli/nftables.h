/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would nftables let a datagram in? The kernel's rules are read and tried on it, as far as they are about what is known
 * of one: protocol, addresses, ports, interface, and that it belongs to no connection yet. Of a rule about anything
 * else it is not known whether it matches.
 */
#ifndef XSWAN_CLI_NFTABLES_H
#define XSWAN_CLI_NFTABLES_H

#include <net/if.h>
#include <stdint.h>

#include "../lib/addr.h"

struct nftables_packet {
	char device[IFNAMSIZ]; /* that it comes in by */
	int ifindex;
	struct endpoint src, dst; /* of one family; src.addr may be unset: not known */
};

enum nftables_fate {
	NFTABLES_IN,
	NFTABLES_MAYBE, /* a rule that may not match would have to let it in */
	NFTABLES_DROPPED,
};

#define NFTABLES_CHAIN 600

/* chain: "inet filter input", the one that is not sure to let it in. 0 or -errno. */
int nftables_input(const struct nftables_packet *packet, enum nftables_fate *fate, char chain[static NFTABLES_CHAIN]);

#endif
