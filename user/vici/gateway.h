/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What xswan-ike says about a gateway (version, stats, list-conns, list-sas, xswan-failures),
 * joined into one tree: what is configured, and what is up of it. The command line prints it and the
 * exporter counts it. Everything lives in one arena: strings are never NULL and safe to print
 * (valid UTF-8, no control characters), lists keep the daemon's order, and gateway_free() frees the lot.
 */
#ifndef XSWAN_VICI_GATEWAY_H
#define XSWAN_VICI_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include <xswan/drops.h>

#include "../lib/table.h"
#include "client.h"

#define GATEWAY_NEVER UINT64_MAX /* of a time in seconds: not known, or never */

struct gateway_text {
	struct gateway_text *next;
	const char *text;
};

struct gateway_traffic {
	uint64_t packets, bytes;
	uint64_t idle; /* seconds since the last packet, or GATEWAY_NEVER */
};

struct gateway_child_sa {
	struct gateway_child_sa *next; /* of the same child */
	const struct gateway_ike_sa *ike;
	uint64_t uniqueid;
	const char *state, *mode, *protocol; /* "INSTALLED", "TUNNEL", "ESP" */
	bool encap, esn;
	const char *spi_in, *spi_out; /* hexadecimal */
	const char *encr_alg, *encr_keysize, *integ_alg;
	struct gateway_traffic in, out;
	uint64_t mtu, path_mtu; /* largest inner packet, largest outer one; 0: not known */
	uint64_t path_mtu_age; /* seconds since a router said so; GATEWAY_NEVER: it is the route's own */
	uint64_t age; /* seconds since it was installed */
	struct gateway_text *local_ts, *remote_ts;
};

struct gateway_ike_sa {
	struct gateway_ike_sa *next; /* of the same connection */
	uint64_t uniqueid;
	const char *state, *version; /* "ESTABLISHED", "2" */
	bool initiator, nat_local, nat_remote, nat_fake;
	const char *local_host, *local_port, *local_id, *remote_host, *remote_port, *remote_id;
	const char *spi_i, *spi_r;
	const char *encr_alg, *encr_keysize, *integ_alg, *prf_alg, *ke;
	uint64_t age; /* seconds since it was established, or GATEWAY_NEVER */
};

/* What ended SAs with a peer have carried since xswan-ike began. */
struct gateway_ended {
	struct gateway_ended *next;
	const char *peer;
	struct gateway_traffic in, out;
};

struct gateway_child {
	struct gateway_child *next;
	const char *name;
	bool configured; /* false: only an SA still has this name */
	const char *mode; /* "TUNNEL", "TRANSPORT", "PASS", "DROP" */
	struct gateway_text *local_ts, *remote_ts; /* as configured */
	struct gateway_child_sa *sas, **sas_end;
	struct gateway_ended *ended;
	const char *failure; /* why the last attempt failed, in one or more lines; empty if not known */
	uint64_t failure_age;
};

struct gateway_count {
	struct gateway_count *next;
	const char *name;
	uint64_t value;
};

struct gateway_conn {
	struct gateway_conn *next;
	struct table_entry by_name;
	const char *name;
	bool configured;
	const char *local_id, *remote_id; /* as configured; "%any" */
	struct gateway_text *local_addrs, *remote_addrs;
	struct gateway_ike_sa *ikes, **ikes_end;
	struct gateway_child *children;
	/* by gateway_load_outcomes() */
	uint64_t *events; /* by enum xswan_ike_counter; NULL: nothing has happened yet */
	struct gateway_count *failures; /* by reason */
};

/* How long IKE SAs took to come up. */
struct gateway_bucket {
	struct gateway_bucket *next;
	uint64_t bound, count; /* microseconds; those that no bucket before has */
};
struct gateway_times {
	struct gateway_times *next;
	const char *role, *auth;
	uint64_t count, sum; /* microseconds */
	struct gateway_bucket *buckets;
};

struct gateway {
	const char *daemon, *version;
	const char *uptime; /* "2 hours" */
	uint64_t ike_sas, half_open;
	uint64_t confirm_left; /* seconds in which an apply has to be confirmed; 0: none has to be */
	struct gateway_conn *conns, *last;
	struct table by_name; /* of the conns */
	struct gateway_times *times; /* these two by gateway_load_outcomes() */
	struct gateway_count *failures;
	struct gateway_block *blocks; /* arena */
	int error; /* sticky */
};

/* Asks the daemon. 0 or -errno with the sentence in client->error. Free in either case. */
int gateway_load(struct gateway *gw, struct vici_client *client) __attribute__((warn_unused_result));
/* And what came of it: xswan-outcomes, which is for the exporter alone. -EOPNOTSUPP: an older xswan-ike. */
int gateway_load_outcomes(struct gateway *gw, struct vici_client *client) __attribute__((warn_unused_result));
void gateway_free(struct gateway *gw);

bool gateway_child_is_policy(const struct gateway_child *child); /* packets pass or are dropped: there is no SA to it */
/* Does it carry packets, and is there one of that kind? A policy stands from the start. */
bool gateway_child_sa_up(const struct gateway_child_sa *sa);
bool gateway_child_up(const struct gateway_child *child);

#endif
