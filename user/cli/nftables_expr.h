/* SPDX-License-Identifier: Apache-2.0 */
/* The expressions that rules of nftables consist of, tried on what is known of a datagram. Within nftables.c. */
#ifndef XSWAN_CLI_NFTABLES_EXPR_H
#define XSWAN_CLI_NFTABLES_EXPR_H

#include <libmnl/libmnl.h>

#include "nftables.h"

#define NFTABLES_NAME 256 /* NFT_NAME_MAXLEN */
#define NETWORK_MAX 40 /* an IPv6 header */
#define REGISTERS 80 /* verdict and four of 16 bytes, or sixteen of 4 */

enum truth { NO, MAYBE, YES };

/* What expressions look at. */
struct view {
	const struct nftables_packet *packet;
	uint8_t nfproto;
	uint8_t network[NETWORK_MAX], transport[8];
	uint32_t network_len;
};

struct chain {
	char table[NFTABLES_NAME], name[NFTABLES_NAME];
	uint8_t family;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
};

struct registers {
	uint8_t bytes[REGISTERS];
	bool unknown[REGISTERS / 4]; /* each four bytes */
};

/* The attribute of that type in a nest, or NULL; a number in one. */
const struct nlattr *nftables_within(const struct nlattr *nest, uint16_t type);
uint32_t nftables_number(const struct nlattr *nest, uint16_t type, uint32_t otherwise);
/* Dumps objects of a kind, in a table and of a name unless NULL. */
int nftables_dump(uint16_t command, uint8_t family, const char *table, uint16_t table_attr, const char *name,
		  uint16_t name_attr, mnl_cb_t fn, void *ctx);

/* Does the packet match? What only loads does; what is not known here may. */
enum truth nftables_match(const struct view *v, const struct chain *chain, const char *expression,
			  const struct nlattr *data, struct registers *r);
/* The verdict that a map has for what is in the registers: NF_ACCEPT, NFT_JUMP, …; NFT_CONTINUE: none. False: not
 * known. */
bool nftables_map_verdict(const struct chain *chain, const struct nlattr *data, const struct registers *r, int *code);

#endif
