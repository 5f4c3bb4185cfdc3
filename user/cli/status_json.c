/* SPDX-License-Identifier: Apache-2.0 */
/* The object of `xswan status --json`. xswan(8) describes it: keys are added, never renamed. */
#include "status.h"

#include <string.h>

#include "../lib/counters.h"

static json_t *seconds(uint64_t value)
{
	return value == GATEWAY_NEVER ? json_null() : json_integer(value);
}

static json_t *bytes(uint64_t value)
{
	return value ? json_integer(value) : json_null();
}

static json_t *texts(const struct gateway_text *t)
{
	json_t *array = json_array();

	for (; t; t = t->next)
		json_array_append_new(array, json_string(t->text));
	return array;
}

/* null for what the daemon did not say */
static json_t *known(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *algorithm(const char *name, const char *keysize)
{
	return keysize[0] ? json_sprintf("%s-%s", name, keysize) : known(name);
}

static json_t *traffic(const struct gateway_traffic *t)
{
	return json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)t->packets, "bytes", (json_int_t)t->bytes, "idle",
			 seconds(t->idle));
}

static json_t *child_sa(const struct gateway_child_sa *sa)
{
	return json_pack("{s:I, s:I, s:s, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", //
			 "id", (json_int_t)sa->uniqueid, //
			 "ike_id", (json_int_t)sa->ike->uniqueid, //
			 "state", sa->state, //
			 "mode", known(sa->mode), //
			 "protocol", known(sa->protocol), //
			 "udp_encap", sa->encap, //
			 "esn", sa->esn, //
			 "encryption", algorithm(sa->encr_alg, sa->encr_keysize), //
			 "integrity", known(sa->integ_alg), //
			 "spi_in", known(sa->spi_in), //
			 "spi_out", known(sa->spi_out), //
			 "age", seconds(sa->age), //
			 "mtu", bytes(sa->mtu), //
			 "path_mtu", bytes(sa->path_mtu), //
			 "path_mtu_age", seconds(sa->path_mtu_age), //
			 "in", traffic(&sa->in), //
			 "out", traffic(&sa->out), //
			 "local_ts", texts(sa->local_ts), //
			 "remote_ts", texts(sa->remote_ts));
}

static json_t *failure(const struct gateway_child *child)
{
	if (!child->failure[0])
		return json_null();
	return json_pack("{s:s, s:o}", "text", child->failure, "age", seconds(child->failure_age));
}

static json_t *child_object(const struct gateway_child *child)
{
	json_t *sas = json_array();

	for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next)
		json_array_append_new(sas, child_sa(sa));
	return json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o}", //
			 "name", child->name, //
			 "mode", child->mode, //
			 "configured", child->configured, //
			 "up", gateway_child_up(child), //
			 "local_ts", texts(child->local_ts), //
			 "remote_ts", texts(child->remote_ts), //
			 "sas", sas, //
			 "failure", failure(child));
}

static json_t *peer(const char *id, const char *host, const char *port)
{
	return json_pack("{s:s, s:s, s:o}", "id", id, "host", host, "port", known(port));
}

static json_t *ike_sa(const struct gateway_ike_sa *ike)
{
	return json_pack("{s:I, s:s, s:s, s:b, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", //
			 "id", (json_int_t)ike->uniqueid, //
			 "state", ike->state, //
			 "version", ike->version, //
			 "initiator", ike->initiator, //
			 "local", peer(ike->local_id, ike->local_host, ike->local_port), //
			 "remote", peer(ike->remote_id, ike->remote_host, ike->remote_port), //
			 "nat_local", ike->nat_local, //
			 "nat_remote", ike->nat_remote, //
			 "nat_fake", ike->nat_fake, //
			 "spi_initiator", known(ike->spi_i), //
			 "spi_responder", known(ike->spi_r), //
			 "encryption", algorithm(ike->encr_alg, ike->encr_keysize), //
			 "integrity", known(ike->integ_alg), //
			 "prf", known(ike->prf_alg), //
			 "key_exchange", known(ike->ke), //
			 "age", seconds(ike->age));
}

static json_t *connection(const struct gateway_conn *conn)
{
	json_t *ikes = json_array(), *children = json_array();

	for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next)
		json_array_append_new(ikes, ike_sa(ike));
	for (const struct gateway_child *child = conn->children; child; child = child->next)
		json_array_append_new(children, child_object(child));
	return json_pack("{s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o}", //
			 "name", conn->name, //
			 "configured", conn->configured, //
			 "local_id", conn->local_id, //
			 "remote_id", conn->remote_id, //
			 "local_addrs", texts(conn->local_addrs), //
			 "remote_addrs", texts(conn->remote_addrs), //
			 "ike_sas", ikes, //
			 "children", children);
}

static json_t *ike_daemon(const struct status *s)
{
	if (s->ike_error)
		return json_pack("{s:b, s:s}", "reachable", 0, "error", s->ike_text);
	return json_pack("{s:b, s:o, s:o, s:o, s:I, s:I, s:o}", //
			 "reachable", 1, //
			 "daemon", known(s->gw.daemon), //
			 "version", known(s->gw.version), //
			 "uptime", known(s->gw.uptime), //
			 "ike_sas", (json_int_t)s->gw.ike_sas, //
			 "half_open", (json_int_t)s->gw.half_open, //
			 "confirm_within", s->gw.confirm_left ? json_integer((json_int_t)s->gw.confirm_left) : json_null());
}

/* workers and what follows are as xswan-dp published them */
static json_t *dataplane(const struct dp_state *dp)
{
	return json_pack("{s:b, s:o, s:b, s:o, s:O*, s:O*, s:O*, s:O*, s:O*}", //
			 "running", dp->pid != 0, //
			 "pid", dp->pid ? json_integer(dp->pid) : json_null(), //
			 "pinned", dp->pinned, //
			 "note", known(dp->note), //
			 "workers", json_object_get(dp->ports, "workers"), //
			 "crypto", json_object_get(dp->ports, "crypto"), //
			 "hugepages", json_object_get(dp->ports, "hugepages"), //
			 "memory", json_object_get(dp->ports, "memory"), //
			 "ports", json_object_get(dp->ports, "ports"));
}

static json_t *counter_object(int error, const uint64_t *values, const char *const *names, size_t count)
{
	json_t *object;

	if (error)
		return json_null();
	object = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, names[i], json_integer(values[i]));
	return object;
}

json_t *status_json(const struct status *s)
{
	json_t *conns = json_array(), *drops;

	for (const struct gateway_conn *conn = s->gw.conns; conn; conn = conn->next)
		json_array_append_new(conns, connection(conn));
	drops = counter_object(s->drops_error, s->drops, counters_drop_name, XSWAN_DROP_COUNT);
	json_object_del(drops, counters_drop_name[XSWAN_DROP_NONE]);
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", //
			 "xswan", XSWAN_VERSION, //
			 "instance", s->instance, //
			 "ike", ike_daemon(s), //
			 "dataplane", dataplane(&s->dp), //
			 "connections", conns, //
			 "drops", drops, //
			 "ike_counters",
			 counter_object(s->counters_error, s->counters, counters_ike_name, XSWAN_IKE_COUNTER_COUNT));
}
