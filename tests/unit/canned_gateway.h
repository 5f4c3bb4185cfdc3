/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that only exists as vici answers: what xswan-ike would say of three connections.
 *
 *   site-b  both children configured; `net` is up, `dmz` failed half a minute ago
 *   road    for any peer: alice (rekeyed: two SAs) and a peer with a hostile identity
 *   old     no longer configured, its SA still there
 */
#ifndef XSWAN_TESTS_CANNED_GATEWAY_H
#define XSWAN_TESTS_CANNED_GATEWAY_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../user/vici/server.h"

#define HOSTILE_ID "ev\"il\\ \033[31m\nx"

static inline void canned_list(struct vici_builder *b, const char *name, const char *first, const char *second)
{
	vici_begin_list(b, name);
	if (first)
		vici_add_item(b, first);
	if (second)
		vici_add_item(b, second);
	vici_end_list(b);
}

/* ---- version, stats ---- */

static inline enum vici_verdict canned_version(void *ctx, struct vici_request *req, const struct vici_message *msg,
					       struct vici_builder *reply)
{
	vici_put(reply, "daemon", "xswan-ike");
	vici_put(reply, "version", "9.9.9");
	vici_put(reply, "sysname", "Linux");
	vici_put(reply, "release", "6.1");
	vici_put(reply, "machine", "x86_64");
	return VICI_REPLY;
}

static inline enum vici_verdict canned_stats(void *ctx, struct vici_request *req, const struct vici_message *msg,
					     struct vici_builder *reply)
{
	vici_begin_section(reply, "uptime");
	vici_put(reply, "running", "2 hours");
	vici_put(reply, "since", "Jan 01 00:00:00 2030");
	vici_end_section(reply);
	vici_begin_section(reply, "workers");
	vici_put(reply, "total", "1");
	vici_put(reply, "idle", "1");
	vici_begin_section(reply, "active");
	for (const char *const *p = (const char *const[]){ "critical", "high", "medium", "low", NULL }; *p; p++)
		vici_put(reply, *p, "0");
	vici_end_section(reply);
	vici_end_section(reply);
	vici_begin_section(reply, "queues");
	for (const char *const *p = (const char *const[]){ "critical", "high", "medium", "low", NULL }; *p; p++)
		vici_put(reply, *p, "0");
	vici_end_section(reply);
	vici_put(reply, "scheduled", "0");
	vici_begin_section(reply, "ikesas");
	vici_put(reply, "total", "4");
	vici_put(reply, "half-open", "1");
	vici_end_section(reply);
	canned_list(reply, "plugins", "openssl", NULL);
	return VICI_REPLY;
}

/* ---- list-conns ---- */

static inline void canned_auth(struct vici_builder *b, const char *section, const char *id)
{
	vici_begin_section(b, section);
	vici_put(b, "class", "pre-shared key");
	if (id)
		vici_put(b, "id", id);
	vici_end_section(b);
}

static inline void canned_child(struct vici_builder *b, const char *name, const char *local, const char *remote)
{
	vici_begin_section(b, name);
	vici_put(b, "mode", "TUNNEL");
	vici_put(b, "rekey_time", "0"); /* swanctl prints these three whether they are there or not */
	vici_put(b, "rekey_bytes", "0");
	vici_put(b, "rekey_packets", "0");
	canned_list(b, "local-ts", local, NULL);
	canned_list(b, "remote-ts", remote, NULL);
	vici_end_section(b);
}

static inline enum vici_verdict canned_list_conns(void *ctx, struct vici_request *req, const struct vici_message *msg,
						  struct vici_builder *reply)
{
	struct vici_builder b = { 0 };

	vici_begin_section(&b, "site-b");
	canned_list(&b, "local_addrs", "192.0.2.1", NULL);
	canned_list(&b, "remote_addrs", "198.51.100.1", "198.51.100.2");
	vici_put(&b, "version", "IKEv2");
	canned_auth(&b, "local-1", "a.example");
	canned_auth(&b, "remote-1", "b.example");
	vici_begin_section(&b, "children");
	canned_child(&b, "net", "10.1.0.0/16", "10.2.0.0/16");
	canned_child(&b, "dmz", "10.1.9.0/24", "10.2.9.0/24");
	vici_end_section(&b);
	vici_end_section(&b);
	vici_request_event(req, "list-conn", &b);
	vici_builder_free(&b);

	vici_begin_section(&b, "road");
	canned_list(&b, "local_addrs", "192.0.2.1", NULL);
	canned_list(&b, "remote_addrs", NULL, NULL);
	vici_put(&b, "version", "IKEv2");
	canned_auth(&b, "local-1", "a.example");
	canned_auth(&b, "remote-1", NULL);
	vici_begin_section(&b, "children");
	canned_child(&b, "any", "0.0.0.0/0", "dynamic");
	canned_child(&b, "spare", "10.3.0.0/16", "dynamic");
	vici_end_section(&b);
	vici_end_section(&b);
	vici_request_event(req, "list-conn", &b);
	vici_builder_free(&b);
	return VICI_REPLY;
}

/* ---- list-sas ---- */

struct canned_sa {
	const char *child, *id, *state, *spi_in, *spi_out, *local_ts, *remote_ts, *packets, *bytes, *idle;
	bool encap;
};

static inline void canned_child_sa(struct vici_builder *b, const struct canned_sa *sa)
{
	char section[64];

	snprintf(section, sizeof(section), "%s-%s", sa->child, sa->id);
	vici_begin_section(b, section);
	vici_put(b, "name", sa->child);
	vici_put(b, "uniqueid", sa->id);
	vici_put(b, "reqid", "1");
	vici_put(b, "state", sa->state);
	vici_put(b, "mode", "TUNNEL");
	vici_put(b, "protocol", "ESP");
	vici_put_flag(b, "encap", sa->encap);
	vici_put(b, "spi-in", sa->spi_in);
	vici_put(b, "spi-out", sa->spi_out);
	vici_put(b, "encr-alg", "AES_GCM_16");
	vici_put(b, "encr-keysize", "256");
	vici_put_flag(b, "esn", true);
	if (!sa->encap && sa->idle) { /* net's */
		vici_put(b, "mtu", "1346");
		vici_put(b, "path-mtu", "1400");
		vici_put(b, "path-mtu-age", "75");
	}
	vici_put(b, "bytes-in", sa->bytes);
	vici_put(b, "packets-in", sa->packets);
	if (sa->idle)
		vici_put(b, "use-in", sa->idle);
	vici_put(b, "bytes-out", "0");
	vici_put(b, "packets-out", "0");
	vici_put(b, "install-time", "725");
	canned_list(b, "local-ts", sa->local_ts, NULL);
	canned_list(b, "remote-ts", sa->remote_ts, NULL);
	vici_end_section(b);
}

static inline void canned_ike_sa(struct vici_request *req, const char *conn, const char *id, const char *remote_host,
				 const char *remote_id, bool nat, const struct canned_sa *sas, int count)
{
	struct vici_builder b = { 0 };

	vici_begin_section(&b, conn);
	vici_put(&b, "uniqueid", id);
	vici_put(&b, "version", "2");
	vici_put(&b, "state", "ESTABLISHED");
	vici_put(&b, "local-host", "192.0.2.1");
	vici_put(&b, "local-port", nat ? "4500" : "500");
	vici_put(&b, "local-id", "a.example");
	vici_put(&b, "remote-host", remote_host);
	vici_put(&b, "remote-port", nat ? "4500" : "500");
	vici_put(&b, "remote-id", remote_id);
	vici_put_flag(&b, "initiator", !nat);
	vici_put(&b, "initiator-spi", "0123456789abcdef");
	vici_put(&b, "responder-spi", "fedcba9876543210");
	vici_put_flag(&b, "nat-remote", nat);
	vici_put_flag(&b, "nat-any", nat);
	vici_put(&b, "encr-alg", "AES_GCM_16");
	vici_put(&b, "encr-keysize", "256");
	vici_put(&b, "prf-alg", "PRF_HMAC_SHA2_384");
	vici_put(&b, "dh-group", "CURVE_25519");
	vici_put(&b, "established", "725");
	vici_begin_section(&b, "child-sas");
	for (int i = 0; i < count; i++)
		canned_child_sa(&b, &sas[i]);
	vici_end_section(&b);
	vici_end_section(&b);
	vici_request_event(req, "list-sa", &b);
	vici_builder_free(&b);
}

/* Of SAs that have ended; as many packets out as in, of a hundred bytes. */
static inline void canned_total(struct vici_builder *b, const char *number, const char *conn, const char *child,
				const char *peer, const char *packets)
{
	vici_begin_section(b, number);
	vici_put(b, "conn", conn);
	vici_put(b, "child", child);
	vici_put(b, "peer", peer);
	vici_put(b, "packets-in", packets);
	vici_putf(b, "bytes-in", "%s00", packets);
	vici_put(b, "packets-out", packets);
	vici_putf(b, "bytes-out", "%s00", packets);
	if (!strcmp(peer, "b.example"))
		vici_put(b, "use-out", "60");
	vici_end_section(b);
}

static inline enum vici_verdict canned_list_sas(void *ctx, struct vici_request *req, const struct vici_message *msg,
						struct vici_builder *reply)
{
	static const struct canned_sa net[] = {
		{ "net", "3", "INSTALLED", "c0ffee01", "deadbeef", "10.1.0.0/16", "10.2.0.0/16", "1234", "1536000", "2",
		  false },
	};
	static const struct canned_sa alice[] = {
		{ "any", "6", "INSTALLED", "c0000006", "d0000006", "0.0.0.0/0", "203.0.113.7/32", "1", "100", "7",
		  true },
		{ "any", "5", "REKEYED", "c0000005", "d0000005", "0.0.0.0/0", "203.0.113.7/32", "10", "1000", "90",
		  true },
	};
	static const struct canned_sa hostile[] = {
		{ "any", "8", "DELETING", "c0000008", "d0000008", "0.0.0.0/0", "203.0.113.8/32", "0", "0", NULL, true },
	};
	static const struct canned_sa gone[] = {
		{ "gone", "9", "INSTALLED", "c0000009", "d0000009", "10.1.0.0/16", "10.9.0.0/16", "0", "0", NULL,
		  false },
	};

	struct vici_builder totals = { 0 };

	canned_ike_sa(req, "site-b", "1", "198.51.100.1", "b.example", false, net, 1);
	canned_ike_sa(req, "road", "4", "203.0.113.7", "alice@example.com", true, alice, 2);
	canned_ike_sa(req, "road", "7", "203.0.113.8", HOSTILE_ID, true, hostile, 1);
	canned_ike_sa(req, "old", "2", "198.51.100.9", "198.51.100.9", false, gone, 1);
	if (!vici_get_bool(msg, "xswan-totals", false))
		return VICI_REPLY;
	vici_put(&totals, "xswan-totals", "yes");
	canned_total(&totals, "1", "site-b", "net", "b.example", "66");
	vici_request_event(req, "list-sa", &totals);
	vici_builder_free(&totals);
	vici_put(&totals, "xswan-totals", "yes");
	canned_total(&totals, "2", "road", "spare", "bob@example.com", "7");
	canned_total(&totals, "3", "forgotten", "child", "nobody", "8"); /* neither configured nor up */
	vici_request_event(req, "list-sa", &totals);
	vici_builder_free(&totals);
	return VICI_REPLY;
}

static inline void canned_outcome(struct vici_builder *reply, const char *conn, const char *failure, const char *rekeys,
				  const char *retransmits)
{
	vici_begin_section(reply, conn);
	vici_begin_section(reply, "failures");
	if (failure)
		vici_put(reply, failure, "2");
	vici_end_section(reply);
	vici_begin_section(reply, "events");
	vici_put(reply, "child_rekeyed", rekeys);
	vici_put(reply, "retransmit_tx", retransmits);
	vici_put(reply, "child_rekey_refused", "1");
	vici_put(reply, "peer_moved", "4");
	vici_put(reply, "not_known_yet", "9");
	vici_end_section(reply);
	vici_end_section(reply);
}

/* In two pages. */
static inline enum vici_verdict canned_outcomes(void *ctx, struct vici_request *req, const struct vici_message *msg,
						struct vici_builder *reply)
{
	char after[64] = "";

	if (vici_get(msg, "xswan-after", after, sizeof(after))) {
		vici_begin_section(reply, "conns");
		canned_outcome(reply, strcmp(after, "forgotten") ? "another page was asked for" : "road", NULL, "30", "5");
		vici_end_section(reply);
		return VICI_REPLY;
	}
	vici_begin_section(reply, "handshakes");
	vici_begin_section(reply, "1");
	vici_put(reply, "role", "responder");
	vici_put(reply, "auth", "psk");
	vici_put(reply, "count", "9");
	vici_put(reply, "sum", "31250000");
	vici_begin_section(reply, "buckets");
	vici_put(reply, "25000", "5");
	vici_put(reply, "2500000", "0");
	vici_put(reply, "30000000", "3");
	vici_end_section(reply);
	vici_end_section(reply);
	vici_end_section(reply);
	vici_begin_section(reply, "failures");
	vici_put(reply, "no_proposal", "3");
	vici_put(reply, "authentication", "0");
	vici_end_section(reply);
	vici_begin_section(reply, "conns");
	canned_outcome(reply, "site-b", "no_proposal", "7", "0");
	canned_outcome(reply, "forgotten", NULL, "8", "8");
	vici_end_section(reply);
	vici_put(reply, "xswan-more", "yes");
	return VICI_REPLY;
}

static inline enum vici_verdict canned_failures(void *ctx, struct vici_request *req, const struct vici_message *msg,
						struct vici_builder *reply)
{
	vici_begin_section(reply, "site-b");
	vici_begin_section(reply, "dmz");
	vici_put(reply, "text", "traffic selectors do not overlap\nreceived 10.8.0.0/16, configured 10.2.9.0/24");
	vici_put(reply, "age", "32");
	vici_end_section(reply);
	vici_end_section(reply);
	vici_begin_section(reply, "old"); /* was tried, and then taken out of the configuration */
	vici_begin_section(reply, "removed");
	vici_put(reply, "text", "no answer");
	vici_put(reply, "age", "4000");
	vici_end_section(reply);
	vici_end_section(reply);
	return VICI_REPLY;
}

/* ---- initiate, terminate ---- */

static inline void canned_log(struct vici_request *req, const char *line)
{
	struct vici_builder b = { 0 };

	vici_put(&b, "group", "IKE");
	vici_put(&b, "level", "1");
	vici_put(&b, "msg", line);
	vici_request_event(req, "control-log", &b);
	vici_builder_free(&b);
}

static inline void canned_not_in_time(void *arg, struct vici_request *req)
{
	struct vici_builder b = { 0 };

	vici_put_failure(&b, "CHILD_SA 'slow' not established after 1000ms");
	vici_request_finish(req, &b);
	vici_builder_free(&b);
}

/* `net` comes up, of site-b only; `slow` is waited for in vain, `silent` for ever; all others fail. */
static inline enum vici_verdict canned_initiate(void *ctx, struct vici_request *req, const struct vici_message *msg,
						struct vici_builder *reply)
{
	char child[64] = "", ike[64] = "site-b";

	vici_get(msg, "child", child, sizeof(child));
	vici_get(msg, "ike", ike, sizeof(ike));
	canned_log(req, "initiating");
	if (!strcmp(child, "slow")) {
		vici_request_set_timeout(req, vici_get_u64(msg, "timeout", 60000), canned_not_in_time, NULL);
		return VICI_LATER;
	}
	if (!strcmp(child, "silent"))
		return VICI_LATER;
	if (!strcmp(child, "net") && !strcmp(ike, "site-b")) {
		canned_log(req, "CHILD_SA net established \033[1mbold");
		vici_put_success(reply);
	} else {
		vici_put_failure(reply, "CHILD_SA config '%s' not found", child);
	}
	return VICI_REPLY;
}

static inline enum vici_verdict canned_terminate(void *ctx, struct vici_request *req, const struct vici_message *msg,
						 struct vici_builder *reply)
{
	char ike[64] = "";

	vici_get(msg, "ike", ike, sizeof(ike));
	if (!strcmp(ike, "site-b")) {
		canned_log(req, "deleting IKE_SA site-b[1]");
		vici_put_success(reply);
		vici_put(reply, "matches", "1");
		vici_put(reply, "terminated", "1");
	} else {
		vici_put_failure(reply, "no matching SAs to terminate found");
	}
	return VICI_REPLY;
}

/* ---- serving ---- */

static const struct vici_command canned_commands[] = {
	{ "version", canned_version },         { "stats", canned_stats },
	{ "list-conns", canned_list_conns },   { "list-sas", canned_list_sas },
	{ "xswan-failures", canned_failures }, { "initiate", canned_initiate },
	{ "terminate", canned_terminate },     { "xswan-outcomes", canned_outcomes },
	{ NULL, NULL },
};

static const char *const canned_events[] = { "list-conn", "list-sa", "list-cert", "control-log", "log", "xswan-change", "xswan-log", NULL };

/* Serves `commands` in a process of its own, which ends with this one. Returns when it listens. */
static inline pid_t canned_start(const char *path, const struct vici_command *commands)
{
	struct event_base *base;
	struct vici_server *server;
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (pid) {
		close(ready[1]);
		if (pid > 0 && read(ready[0], &byte, 1) != 1) {
			waitpid(pid, NULL, 0);
			pid = -1;
		}
		close(ready[0]);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	base = event_base_new();
	if (!base || vici_server_new(&server, base, path, commands, canned_events, NULL))
		_exit(1);
	if (write(ready[1], "", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static inline void canned_stop(pid_t pid)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

#endif
