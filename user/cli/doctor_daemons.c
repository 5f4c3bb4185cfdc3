/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the configuration, the two daemons, and what they have agreed upon. */
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "../lib/pinned.h"

void doctor_config(struct doctor *d)
{
	int outside = 0;

	if (!d->configured) {
		doctor_say(d, DOCTOR_FAIL, "", "%s", d->conf_error);
		doctor_remedy(d, "xswan check %s", d->dir);
		return;
	}
	for (int i = 0; i < d->conf.port_count; i++)
		outside += d->conf.ports[i].role == XSWAN_ROLE_OUTSIDE;
	doctor_say(d, DOCTOR_OK, "", "%s/xswan.conf: %d outside, %d inside", d->dir, outside,
		   d->conf.port_count - outside);
}

void doctor_dp(struct doctor *d)
{
	const json_int_t workers = json_integer_value(json_object_get(d->dp.ports, "workers"));

	if (!d->dp.pid) {
		doctor_say(d, DOCTOR_FAIL, "", "not running: %s",
			   d->dp.pinned ? "what is protected is dropped, not sent in clear"
					: "no traffic is protected");
		doctor_remedy_start(d, "xswan-dp");
	} else if (!d->dp.ports) {
		doctor_say(d, DOCTOR_WARN, "", "pid %d, %s", (int)d->dp.pid, d->dp.note);
		doctor_remedy_start(d, "xswan-dp");
	} else {
		doctor_say(d, DOCTOR_OK, "", "pid %d, %lld worker%s", (int)d->dp.pid, (long long)workers,
			   workers == 1 ? "" : "s");
	}
}

void doctor_ike(struct doctor *d)
{
	if (!d->ike_error) {
		doctor_say(d, DOCTOR_OK, "", "up %s, %llu IKE SA%s", d->gw.uptime, (unsigned long long)d->gw.ike_sas,
			   d->gw.ike_sas == 1 ? "" : "s");
	} else if (d->ike_error == -EACCES) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "%s", d->ike_text);
		doctor_needs_root(d);
	} else {
		doctor_say(d, DOCTOR_FAIL, "", "%s", d->ike_pid ? d->ike_text : "not running: nothing is negotiated");
		doctor_remedy_start(d, "xswan-ike");
	}
}

static void compare_version(struct doctor *d, const char *program, const char *version)
{
	const bool same = !strcmp(version, XSWAN_VERSION);

	doctor_say(d, same ? DOCTOR_OK : DOCTOR_WARN, program, "version %s%s%s", version,
		   same ? "" : ", and this program is ", same ? "" : XSWAN_VERSION);
	if (!same)
		doctor_remedy_start(d, program);
}

void doctor_version(struct doctor *d)
{
	const char *dp = json_string_value(json_object_get(d->dp.ports, "version"));

	if (dp)
		compare_version(d, "xswan-dp", dp);
	if (!d->ike_error)
		compare_version(d, "xswan-ike", d->gw.version);
}

/* What is asked of the kernel here is about this network namespace, whichever the daemons are in. */
static void compare_netns(struct doctor *d, const char *program, pid_t pid)
{
	char path[64], theirs[64] = "", ours[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) < 0 ||
	    readlink(path, theirs, sizeof(theirs) - 1) < 0) {
		doctor_say(d, DOCTOR_UNKNOWN, program, "its network namespace is not to be seen: %s", strerror(errno));
		doctor_needs_root(d);
	} else if (strcmp(ours, theirs)) {
		doctor_say(d, DOCTOR_WARN, program,
			   "runs in another network namespace: what is said here of interfaces, host and "
			   "routes is about this one");
		doctor_remedy(d, "nsenter --net=/proc/%d/ns/net xswan -i %s doctor %s", (int)pid, d->cli->instance,
			      d->dir);
	} else {
		doctor_say(d, DOCTOR_OK, program, "in this network namespace");
	}
}

void doctor_netns(struct doctor *d)
{
	if (d->dp.pid)
		compare_netns(d, "xswan-dp", d->dp.pid);
	if (d->ike_pid)
		compare_netns(d, "xswan-ike", d->ike_pid);
}

/* ---- the policy in the maps ---- */

struct policy_maps {
	int state, selector, rules, tunnel;
};

static int open_maps(struct policy_maps *m, const char *instance)
{
	m->state = pinned_open(instance, "policy_state", sizeof(uint32_t), sizeof(struct xswan_policy_state), NULL);
	m->selector = pinned_open(instance, "selector", sizeof(struct xswan_selector_key),
				  sizeof(struct xswan_selector), NULL);
	m->rules = pinned_open(instance, "rules", sizeof(struct xswan_rules_key), sizeof(struct xswan_rules), NULL);
	m->tunnel = pinned_open(instance, "tunnel", sizeof(uint32_t), sizeof(struct xswan_tunnel), NULL);
	for (int i = 0; i < 4; i++)
		if (((const int *)m)[i] < 0)
			return ((const int *)m)[i];
	return 0;
}

static void close_maps(const struct policy_maps *m)
{
	for (int i = 0; i < 4; i++)
		if (((const int *)m)[i] >= 0)
			close(((const int *)m)[i]);
}

static void mask(uint8_t ip[16], unsigned int bits)
{
	for (unsigned int i = 0; i < 16; i++)
		ip[i] &= bits >= 8 * i + 8 ? 0xff : bits <= 8 * i ? 0 : (uint8_t)(0xff00 >> (bits - 8 * i));
}

/* Is the rule about some packets of that protocol and these ports? */
static bool rule_is_for(const struct xswan_rule *r, const struct xswan_ts *to)
{
	return (!r->proto || r->proto == to->proto) && r->dport_min <= to->port_min && r->dport_max >= to->port_min;
}

/* The rule of lowest rank for a packet between the first addresses of both. False: none covers it. */
static bool find_rule(const struct policy_maps *m, const struct xswan_ts *from, const struct xswan_ts *to,
		      struct xswan_rule *best)
{
	const uint32_t bits = to->family == 4 ? 32 : 128;
	struct xswan_selector_key key = { .prefixlen = XSWAN_SELECTOR_BITS + bits, .family = to->family };
	struct xswan_selector levels;
	struct xswan_rules found;

	best->rank = UINT64_MAX;
	memcpy(key.dst, to->addr_min, sizeof(key.dst));
	if (bpf_map_lookup_elem(m->selector, &key, &levels))
		return false;
	for (unsigned int i = 0; i < levels.count && i < XSWAN_LEVELS; i++) {
		struct xswan_rules_key rk = { .prefixlen = XSWAN_RULES_BITS + bits,
					      .family = to->family,
					      .dst_len = levels.len[i] };

		memcpy(rk.dst, to->addr_min, sizeof(rk.dst));
		mask(rk.dst, levels.len[i]);
		memcpy(rk.src, from->addr_min, sizeof(rk.src));
		if (bpf_map_lookup_elem(m->rules, &rk, &found))
			continue;
		for (unsigned int n = 0; n < found.count && n < XSWAN_RULES; n++)
			if (found.rule[n].rank < best->rank && rule_is_for(&found.rule[n], to))
				*best = found.rule[n];
	}
	return best->rank != UINT64_MAX;
}

/* A child without start_action has no rules before it has been up (xswan-swanctl.conf(5)). */
static void say_unprotected(struct doctor *d, const char *name, bool up, const char *local, const char *remote)
{
	if (up) {
		doctor_say(d, DOCTOR_FAIL, name, "no rule protects %s === %s: it goes in clear", local, remote);
		doctor_remedy(d, "xswan -i %s apply", d->cli->instance);
	} else {
		doctor_say(d, DOCTOR_WARN, name,
			   "not up, and %s === %s goes in clear until it is (start_action = trap would protect it)",
			   local, remote);
		doctor_remedy(d, "xswan -i %s up %s", d->cli->instance, name);
	}
}

/* True: packets of the child fall under its own rule. */
static bool is_protected(struct doctor *d, const struct policy_maps *m, const char *name, bool up,
			 const struct xswan_ts *from, const struct xswan_ts *to)
{
	struct xswan_tunnel tunnel = { .state = 0 };
	struct xswan_rule rule;
	char local[TS_TEXT], remote[TS_TEXT];

	ts_format(from, local);
	ts_format(to, remote);
	if (!find_rule(m, from, to, &rule)) {
		say_unprotected(d, name, up, local, remote);
		return false;
	}
	if (rule.action == XSWAN_ACTION_PROTECT && !bpf_map_lookup_elem(m->tunnel, &rule.tunnel, &tunnel) &&
	    !strncmp(tunnel.name, name, sizeof(tunnel.name) - 1))
		return true;
	doctor_say(d, DOCTOR_WARN, name, "%s === %s falls under another rule first: %s%.*s", local, remote,
		   rule.action == XSWAN_ACTION_PROTECT  ? "protected by "
		   : rule.action == XSWAN_ACTION_BYPASS ? "let pass in clear"
							: "dropped",
		   rule.action == XSWAN_ACTION_PROTECT ? (int)sizeof(tunnel.name) : 0, tunnel.name);
	doctor_remedy(d, "# swanctl.conf, %s: priority = 1, or selectors that do not overlap; then: xswan apply", name);
	return false;
}

/* The first pair of selectors stands for all: they come and go together. */
static int count_protected(struct doctor *d, const struct policy_maps *m)
{
	int good = 0;

	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next) {
			char name[2 * XSWAN_NAME_LEN];
			struct xswan_ts from, to;

			if (!child->configured || (strcmp(child->mode, "TUNNEL") && strcmp(child->mode, "TRANSPORT")) ||
			    !child->local_ts || !child->remote_ts || ts_parse(&from, child->local_ts->text) ||
			    ts_parse(&to, child->remote_ts->text) || from.family != to.family)
				continue; /* dynamic: known once there is a peer */
			snprintf(name, sizeof(name), "%s/%s", conn->name, child->name);
			good += is_protected(d, m, name, gateway_child_up(child), &from, &to);
		}
	return good;
}

void doctor_policy(struct doctor *d)
{
	struct xswan_policy_state state = { 0 };
	struct policy_maps maps;
	const uint32_t zero = 0;
	int err = open_maps(&maps, d->cli->instance), good;

	if (err == -EACCES || err == -EPERM) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "the maps are root's to read");
		doctor_needs_root(d);
	} else if (err || bpf_map_lookup_elem(maps.state, &zero, &state)) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "there are no maps of this instance: %s",
			   strerror(err ? -err : errno));
		doctor_remedy_start(d, "xswan-dp");
	} else if (!state.known) {
		doctor_say(d, DOCTOR_FAIL, "", "xswan-ike has not said what is to be protected: nothing is forwarded");
		doctor_remedy_start(d, "xswan-ike");
	} else if (d->ike_error) {
		doctor_needs_ike(d);
	} else {
		good = count_protected(d, &maps);
		doctor_say(d, DOCTOR_OK, "", "the selectors of %d child%s are in force", good, good == 1 ? "" : "ren");
	}
	close_maps(&maps);
}
