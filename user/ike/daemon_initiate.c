/* SPDX-License-Identifier: Apache-2.0 */
/* From a child that should be up to an attempt of the engine's: names, addresses, and whose turn it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "daemon_log.h"
#include "vici_control.h"
#include "vici_handlers.h"

enum how { BY_ITSELF, BY_HAND };

#define WAITS 1 /* for its turn, or for a name's addresses: not an error, and not under way */

/* Each attempt in turn goes to another of the addresses. */
static int choose_remote(const struct daemon *d, const struct conf_conn *conn, unsigned int attempt, struct addr *out,
			 char *why, size_t why_size)
{
	struct addr hosts[CONF_ADDRS_HOSTS];
	const int n = conf_addrs_hosts(conn->remote_addrs, conn->remote_addr_count, hosts, CONF_ADDRS_HOSTS);

	if (n) {
		*out = hosts[attempt % (unsigned int)n];
		return 0;
	}
	if (!*names_problem(d->names, conn->remote_addrs, conn->remote_addr_count, why, why_size))
		snprintf(why, why_size, "connection '%s' has no remote_addrs to initiate to", conn->name);
	return -EDESTADDRREQ;
}

/* One that is configured, of the ones that this host has if it can be; false: none is of the family. */
static bool configured_local(const struct daemon *d, const struct conf_conn *conn, uint8_t family, struct addr *out)
{
	struct addr hosts[CONF_ADDRS_HOSTS];
	const int n = conf_addrs_hosts(conn->local_addrs, conn->local_addr_count, hosts, CONF_ADDRS_HOSTS);

	for (int i = 0; i < n; i++) {
		if (hosts[i].family != family || !daemon_has_address(d, &hosts[i]))
			continue;
		*out = hosts[i];
		return true;
	}
	return conf_addrs_host(conn->local_addrs, conn->local_addr_count, family, out);
}

/* Subnets and ranges say which of the kernel's choices are right. */
static bool may_be_local(const struct conf_conn *conn, const struct addr *local)
{
	for (int i = 0; i < conn->local_addr_count; i++)
		if (conn->local_addrs[i].min.family == local->family)
			return conf_addrs_match(conn->local_addrs, conn->local_addr_count, local) != CONF_ADDR_NO;
	return true;
}

/* The configured local address, or the one the kernel would use. */
static int choose_local(const struct daemon *d, const struct conf_conn *conn, const struct addr *remote,
			struct endpoint *local, char *why, size_t why_size)
{
	char to[ADDR_TEXT], from[ADDR_TEXT];
	int err;

	*local = (struct endpoint){ .port = UDP_IKE_PORT };
	if (configured_local(d, conn, remote->family, &local->addr))
		return 0;
	err = udp_local_address(remote, &local->addr);
	if (err) {
		snprintf(why, why_size, "no way to %s: %s", addr_format(remote, to), strerror(-err));
		return err;
	}
	if (may_be_local(conn, &local->addr))
		return 0;
	snprintf(why, why_size, "the way to %s is from %s, which is not one of local_addrs", addr_format(remote, to),
		 addr_format(&local->addr, from));
	return -EADDRNOTAVAIL;
}

/* 0, WAITS, or -errno */
static int begin(struct daemon *d, const struct conf_conn *conn, struct wanted_child *c, enum how how, char *why,
		 size_t why_size)
{
	struct endpoint local;
	struct addr remote;
	int err;

	if (!names_fresh(d->names, conn)) {
		wanted_wait(&d->wanted, c, how == BY_HAND);
		return WAITS;
	}
	err = choose_remote(d, conn, c->failures, &remote, why, why_size);
	if (err)
		return err;
	if (how == BY_ITSELF && !wanted_may_try(&d->wanted, c, &remote))
		return WAITS;
	err = choose_local(d, conn, &remote, &local, why, why_size);
	if (err)
		return err;
	err = engine_initiate_to(d->engine, conn->name, c->child, &local, &remote, daemon_now());
	if (err == -EALREADY)
		snprintf(why, why_size, "it is up already");
	else if (err)
		snprintf(why, why_size, "initiating '%s/%s': %s", conn->name, c->child, strerror(-err));
	else
		wanted_started(&d->wanted, c, &remote);
	return err;
}

static int initiate(struct daemon *d, const char *conn_name, const char *child, enum how how, char *why,
		    size_t why_size)
{
	const struct conf_conn *conn = config_find_conn(d->cfg, conn_name);
	struct wanted_child *c = wanted_find(&d->wanted, conn_name, child);
	int err;

	if (!conn || !conn_find_child(conn, child) || !c) {
		snprintf(why, why_size, "CHILD_SA config '%s/%s' not found", conn_name, child);
		return -ENOENT;
	}
	if (!daemon_ready(d)) {
		snprintf(why, why_size, "xswan-dp is not running for instance %s", d->options.instance);
		return -ENOTCONN;
	}
	err = begin(d, conn, c, how, why, why_size);
	if (err < 0)
		wanted_not_started(&d->wanted, c, err == -EALREADY ? NULL : why, daemon_now());
	return err;
}

int daemon_initiate(struct daemon *d, const char *conn, const char *child, char *why, size_t why_size)
{
	const int err = initiate(d, conn, child, BY_HAND, why, why_size);

	return err == WAITS ? 0 : err;
}

static void log_failure(struct daemon *d, const struct wanted_child *c, const char *why)
{
	const struct ike_log line = { .level = LOG_LEVEL_WARN,
				      .event = IKE_LOG_FAILED,
				      .reason = IKE_REASON_NO_ADDRESS,
				      .conn = c->conn,
				      .child = c->child,
				      .text = why };

	tallies_fail(engine_tallies(d->engine), c->conn, IKE_REASON_NO_ADDRESS);
	daemon_log(&line);
	vici_raise_alert(d, &line);
}

void daemon_try_wanted(struct daemon *d)
{
	struct wanted_child *c;
	char why[256];
	int err;

	while (daemon_ready(d) && !d->stopping && (c = wanted_due(&d->wanted, daemon_now()))) {
		err = initiate(d, c->conn, c->child, BY_ITSELF, why, sizeof(why));
		if (err < 0 && err != -EALREADY)
			log_failure(d, c, why);
	}
}

/* Somebody waits for the outcome, which is usually an event of the engine's. */
static void try_by_hand(struct daemon *d, struct wanted_child *c)
{
	struct ike_event event = {
		.kind = IKE_EVENT_FAILED, .conn = c->conn, .child_name = c->child, .reason = IKE_REASON_NO_ADDRESS
	};
	char why[256];
	int err;

	c->by_hand = false;
	err = initiate(d, c->conn, c->child, BY_HAND, why, sizeof(why));
	if (err >= 0)
		return;
	if (err == -EALREADY) {
		event.kind = IKE_EVENT_CHILD_UP;
	} else {
		log_failure(d, c, why);
		event.text = why;
	}
	vici_control_event(d->control, &event);
}

static void on_answered(void *ctx)
{
	struct daemon *d = ctx;
	struct wanted_child *c;

	while ((c = wanted_take_waiting(&d->wanted))) {
		if (c->by_hand)
			try_by_hand(d, c);
		else
			wanted_set_due(&d->wanted, c, daemon_now());
	}
	daemon_try_wanted(d);
	daemon_pump(d);
}

/* "dynamic" selectors stand for a name's addresses, too. */
static void on_name_changed(void *ctx, const struct conf_name *name)
{
	struct daemon *d = ctx;
	const struct conf_addr a = { .name = name };
	char text[CONF_ADDR_TEXT];

	log_info("%s", conf_addr_format(&a, text, sizeof(text)));
	if (d->have_maps) {
		daemon_know_peers(d, d->cfg);
		policy_refresh(d->policy);
	}
}

int daemon_names_open(struct daemon *d)
{
	const struct names_config config = {
		.interval = d->gateway.resolve_interval,
		.changed = on_name_changed,
		.answered = on_answered,
		.ctx = d,
	};

	d->names = names_new(d->base, &config);
	return d->names ? 0 : -ENOMEM;
}
