/* SPDX-License-Identifier: Apache-2.0 */
/* What is protected, passes or is dropped without an SA: list-policies, install, uninstall. */
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "vici_handlers.h"

struct listing {
	struct vici_request *req;
	char ike[256], child[256]; /* empty: all */
	bool drop, pass, trap;
};

static bool is_listed(const struct listing *l, const char *ike, const char *child)
{
	return (!l->ike[0] || !strcmp(l->ike, ike)) && (!l->child[0] || !strcmp(l->child, child));
}

static void begin(struct vici_builder *b, const char *ike, const char *child, const char *mode)
{
	char name[VICI_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.120s/%.120s", ike, child);
	vici_begin_section(b, name);
	vici_put(b, "child", child);
	vici_put(b, "ike", ike);
	vici_put(b, "mode", mode);
}

static void send_policy(const struct listing *l, struct vici_builder *b)
{
	vici_end_section(b);
	vici_request_event(l->req, "list-policy", b);
	vici_builder_free(b);
}

static void list_trap(const struct listing *l, const struct conf_conn *conn, const struct conf_child *child)
{
	struct vici_builder b = { 0 };

	begin(&b, conn->name, child->name, child->mode == XSWAN_MODE_TRANSPORT ? "TRANSPORT" : "TUNNEL");
	vici_putf(&b, "reqid", "%u", child->tunnel);
	vici_put_ts(&b, "local-ts", child->local_ts, child->local_ts_count);
	vici_put_ts(&b, "remote-ts", child->remote_ts, child->remote_ts_count);
	send_policy(l, &b);
}

static void list_shunt(const struct listing *l, const struct conf_shunt *shunt)
{
	struct vici_builder b = { 0 };

	begin(&b, shunt->conn, shunt->name, shunt->pass ? "PASS" : "DROP");
	vici_put_ts(&b, "local-ts", shunt->local_ts, shunt->local_ts_count);
	vici_put_ts(&b, "remote-ts", shunt->remote_ts, shunt->remote_ts_count);
	send_policy(l, &b);
}

/* Without any of the three, swanctl's "--trap" and the like, it is all of them. */
enum vici_verdict vici_list_policies(void *daemon, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	struct listing l = { .req = req };

	vici_get(msg, "ike", l.ike, sizeof(l.ike));
	vici_get(msg, "child", l.child, sizeof(l.child));
	l.drop = vici_has(msg, "drop");
	l.pass = vici_has(msg, "pass");
	l.trap = vici_has(msg, "trap");
	if (!l.drop && !l.pass && !l.trap)
		l.drop = l.pass = l.trap = true;
	for (const struct conf_conn *conn = d->cfg->conns; conn && l.trap; conn = conn->next)
		for (const struct conf_child *child = conn->children; child; child = child->next)
			if (is_listed(&l, conn->name, child->name) && policy_is_trapped(d->policy, child))
				list_trap(&l, conn, child);
	for (const struct conf_shunt *shunt = d->cfg->shunts; shunt; shunt = shunt->next)
		if ((shunt->pass ? l.pass : l.drop) && is_listed(&l, shunt->conn, shunt->name))
			list_shunt(&l, shunt);
	return VICI_REPLY;
}

/* In whichever connection, if "ike" does not say. */
static const struct conf_child *find_child(const struct daemon *d, const char *ike, const char *name,
					   const struct conf_conn **conn)
{
	const struct conf_child *child = NULL;

	for (*conn = d->cfg->conns; *conn; *conn = (*conn)->next) {
		if (ike[0] && strcmp(ike, (*conn)->name))
			continue;
		child = conn_find_child(*conn, name);
		if (child)
			break;
	}
	return child;
}

static int set_trap(struct daemon *d, const struct conf_conn *conn, const struct conf_child *child, bool on)
{
	struct wanted_child *c = wanted_find(&d->wanted, conn->name, child->name);

	policy_trap(d->policy, child->tunnel, on);
	tunnels_set_trap(&d->maps.sa.tunnels, child->tunnel, on);
	if (c)
		c->trap = on;
	return policy_refresh(d->policy);
}

static enum vici_verdict change(struct daemon *d, const struct vici_message *msg, struct vici_builder *reply, bool on)
{
	const struct conf_child *child;
	const struct conf_conn *conn;
	char name[256], ike[256];

	if (!vici_get(msg, "ike", ike, sizeof(ike)))
		ike[0] = '\0';
	if (!vici_get(msg, "child", name, sizeof(name))) {
		vici_put_failure(reply, "missing configuration name");
		return VICI_REPLY;
	}
	child = find_child(d, ike, name, &conn);
	if (!child)
		vici_put_failure(reply, "CHILD_SA config '%s' not found", name);
	else if (!d->have_maps || !child->tunnel)
		vici_put_failure(reply, "'%s/%s': xswan-dp is not running", conn->name, name);
	else if (!on && !policy_is_trapped(d->policy, child))
		vici_put_failure(reply, "policy '%s' not found", name);
	else if (set_trap(d, conn, child, on))
		vici_put_failure(reply, "'%s/%s': the policy could not be changed: see the log", conn->name, name);
	else
		vici_put_success(reply);
	return VICI_REPLY;
}

/* Its traffic waits for an SA from now on, until the configuration is loaded again. */
enum vici_verdict vici_install(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply)
{
	return change(daemon, msg, reply, true);
}

/* What a person asks for: what is not negotiated leaves unprotected from now on. */
enum vici_verdict vici_uninstall(void *daemon, struct vici_request *req, const struct vici_message *msg,
				 struct vici_builder *reply)
{
	return change(daemon, msg, reply, false);
}
