/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's end of include/xswan/dp_proto.h. Requests block until the reply, at most
 * DP_TIMEOUT_MS: a healthy xswan-dp answers in microseconds, and an SA must not be announced
 * to the peer before the dataplane has it. Whatever goes wrong ends the connection (replies
 * come in order, so a late one must never be taken for another's); the owner connects again.
 * Greeting does not block: an xswan-dp that hangs costs one request's timeout, not one every time.
 */
#ifndef XSWAN_IKE_DP_CLIENT_H
#define XSWAN_IKE_DP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>

#define DP_TIMEOUT_MS 2000

/* What xswan-dp says by itself. */
union dp_news {
	struct xswan_dp_header h; /* its op says which */
	struct xswan_dp_expired expired;
	struct xswan_dp_moved moved;
	struct xswan_dp_stray stray;
};

struct dp_client {
	int fd; /* -1: not connected; readable: there is news, or xswan-dp has gone */
	bool greeting; /* HELLO is sent, and not answered yet */
	bool broken; /* of no use any more; the fd stays open for whoever watches it, until closed */
	uint32_t next_id;
	uint64_t epoch; /* of xswan-dp, from its last reply */
	uint32_t stat_map_id;
	uint32_t sa_count; /* that xswan-dp holds */
	int *maps; /* where descriptors go that come with a reply; NULL: none is expected */
	union dp_news *news; /* that came between a request and its reply */
	size_t news_count, news_room;
};

#define DP_CLIENT_INIT ((struct dp_client){ .fd = -1 })

/* Connects and sends HELLO. 0 or -errno (-ENOENT, -ECONNREFUSED: not running; -EAGAIN: it accepts nobody just now). */
int dp_client_connect(struct dp_client *c, const char *path);
/* When readable after that. 0; -EAGAIN: no answer yet; else, -EPROTO for another version, it is of no use: to be
 * closed. */
int dp_client_welcome(struct dp_client *c);
void dp_client_close(struct dp_client *c);
bool dp_client_connected(const struct dp_client *c);

/*
 * 0, what xswan-dp answered (logged with its sentence), or -ENOTCONN and the like when there is no
 * answer. The request holds a key: it is the caller's to wipe. Fills in the header.
 */
int dp_client_sa_add(struct dp_client *c, struct xswan_dp_sa_add *m);
/*
 * The next news. 0; -EAGAIN: there is none just now; else the connection is of no use any more. When readable, and after
 * requests, for a record may have come before the reply.
 */
int dp_client_news(struct dp_client *c, union dp_news *news);
/* All of XSWAN_DP_MAP_LIST, as descriptors for the caller to close. The same errors; none is left open then. */
int dp_client_maps(struct dp_client *c, int fds[static XSWAN_DP_MAP_COUNT]);
/* To the addresses and ports in `sa`. */
int dp_client_sa_move(struct dp_client *c, uint32_t dir, uint32_t slot, const struct xswan_sa *sa);
int dp_client_sa_remove(struct dp_client *c, uint32_t dir, uint32_t slot, uint64_t uid);

#endif
