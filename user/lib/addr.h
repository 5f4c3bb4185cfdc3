/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses, endpoints and traffic selectors as values, and their text forms. */
#ifndef XSWAN_ADDR_H
#define XSWAN_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <xswan/dp_proto.h> /* struct xswan_ts */

struct addr {
	uint8_t family; /* 4, 6; 0: unset, also "%any" */
	uint8_t ip[16]; /* network order; IPv4 takes the first 4, the rest is zero */
};

struct endpoint {
	struct addr addr;
	uint16_t port; /* host order */
};

#define ADDR_TEXT 46
#define ENDPOINT_TEXT 56 /* 192.0.2.1[4500], 2001:db8::1[500] */
#define TS_TEXT 128 /* 10.0.0.0/8[tcp/80], 10.0.0.3..10.0.0.9 */

int addr_parse(struct addr *addr, const char *text); /* 0 or -EINVAL; "%any" gives family 0 */
const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT]);
const char *endpoint_format(const struct endpoint *ep, char out[static ENDPOINT_TEXT]);
bool addr_equal(const struct addr *a, const struct addr *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
size_t addr_len(const struct addr *addr); /* 4, 16 or 0 */
socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *sa);
int endpoint_from_sockaddr(struct endpoint *ep, const struct sockaddr_storage *sa);

/* strongSwan's notation: "10.1.0.0/16", "10.1.0.5", "10.1.0.3-10.1.0.9",
 * each with an optional "[proto/port]", "[proto]", "[/port]", "[proto/1000-2000]". */
int ts_parse(struct xswan_ts *ts, const char *text);
const char *ts_format(const struct xswan_ts *ts, char out[static TS_TEXT]);
bool ts_equal(const struct xswan_ts *a, const struct xswan_ts *b);
/* The part of a that b contains too; false when there is none. */
bool ts_intersect(struct xswan_ts *out, const struct xswan_ts *a, const struct xswan_ts *b);
bool ts_contains(const struct xswan_ts *outer, const struct xswan_ts *inner);
/* Is each of them within one of the others? */
bool ts_covered(const struct xswan_ts *ts, int count, const struct xswan_ts *by, int by_count);

#endif
