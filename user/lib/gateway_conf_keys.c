/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of xswan.conf, and when a change of each takes effect. */
#include <stdio.h>
#include <string.h>

#include "gateway_conf.h"

static const struct field_word attach_words[] = {
	{ ATTACH_AUTO, "auto" }, { ATTACH_NATIVE, "native" }, { ATTACH_GENERIC, "generic" }, { ATTACH_EXTERNAL, "external" },
	{ 0, NULL }
};
static const struct field_word workers_words[] = { { 0, "auto" }, { 0, NULL } };
static const struct field_word fragment_words[] = { { 0, "before" }, { 1, "after" }, { 0, NULL } };
static const struct field_word mss_words[] = { { 0, "off" }, { GATEWAY_MSS_AUTO, "auto" }, { 0, NULL } };
static const struct field_word level_words[] = {
	{ LOG_LEVEL_ERROR, "error" }, { LOG_LEVEL_WARN, "warning" }, { LOG_LEVEL_INFO, "info" }, { LOG_LEVEL_DEBUG, "debug" },
	{ 0, NULL }
};
static const struct field_word format_words[] = {
	{ LOG_FORMAT_TEXT, "text" }, { LOG_FORMAT_LOGFMT, "logfmt" }, { LOG_FORMAT_JSON, "json" }, { 0, NULL }
};
static const struct field_word target_words[] = {
	{ LOG_TARGET_STDERR, "stderr" }, { LOG_TARGET_SYSLOG, "syslog" }, { LOG_TARGET_JOURNAL, "journal" }, { 0, NULL }
};

static bool same_port(const struct gateway_port *a, const struct gateway_port *b)
{
	return !strcmp(a->device, b->device) && a->role == b->role && a->vnet == b->vnet &&
	       a->keep_offloads == b->keep_offloads;
}

static bool ports_same(const struct field *f, const void *a, const void *b)
{
	const struct gateway_port *x = field_at(f, a), *y = field_at(f, b);

	if (field_count(f, a) != field_count(f, b))
		return false;
	for (int i = 0; i < field_count(f, a); i++)
		if (!same_port(&x[i], &y[i]))
			return false;
	return true;
}

static void ports_format(const struct field *f, const void *of, char *out, size_t size)
{
	const struct gateway_port *list = field_at(f, of);
	size_t used = 0;

	for (int i = 0; i < field_count(f, of) && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s %s%s%s", i ? ", " : "", list[i].device,
				 list[i].role == XSWAN_ROLE_OUTSIDE ? "outside" : "inside", list[i].vnet ? " vnet" : "",
				 list[i].keep_offloads ? " offloads kept" : "");
}

static bool cpus_same(const struct field *f, const void *a, const void *b)
{
	const struct cpu_list *x = field_at(f, a), *y = field_at(f, b);

	return x->count == y->count && !memcmp(x->cpu, y->cpu, x->count * sizeof(x->cpu[0]));
}

static void cpus_format(const struct field *f, const void *of, char *out, size_t size)
{
	const struct cpu_list *list = field_at(f, of);
	size_t used = snprintf(out, size, "%s", list->count ? "" : "auto");

	for (uint32_t i = 0; i < list->count && used < size; i++)
		used += snprintf(out + used, size - used, "%s%u", i ? "," : "", list->cpu[i]);
}

static void hundredths_format(const struct field *f, const void *of, char *out, size_t size)
{
	snprintf(out, size, "%g", *(const uint32_t *)field_at(f, of) / 100.0);
}

#define CONF(member) FIELD(gateway_conf, member)
#define NUMBER(member) CONF(member), .words = NULL
#define WORD(member, list) CONF(member), .words = list
#define TEXT(member) CONF(member), .same = field_text_same, .format = field_text_format
#define TIME(member) CONF(member), .format = field_usec_format

const struct field gateway_conf_keys[] = {
	{ "interfaces", GATEWAY_RESTART, CONF(ports), offsetof(struct gateway_conf, port_count), .same = ports_same,
	  .format = ports_format },
	{ "dataplane.attach", GATEWAY_RESTART_DP, WORD(attach, attach_words) },
	{ "dataplane.crypto", GATEWAY_RESTART_DP, TEXT(crypto) },
	{ "dataplane.workers", GATEWAY_RESTART_DP, WORD(workers, workers_words) },
	{ "dataplane.cpus", GATEWAY_RESTART_DP, CONF(cpus), .same = cpus_same, .format = cpus_format },
	{ "dataplane.frames", GATEWAY_RESTART_DP, NUMBER(frames) },
	{ "dataplane.tunnel", GATEWAY_RESTART_DP, TEXT(tunnel) },
	{ "dataplane.fragment", GATEWAY_RESTART_DP, WORD(fragment_after, fragment_words) },
	{ "dataplane.capture_keys", GATEWAY_RESTART_DP, WORD(capture_keys, field_yes_no) },
	{ "dataplane.tcp_mss", GATEWAY_RESTART_DP, WORD(tcp_mss, mss_words) },
	{ "ike.init_rate", GATEWAY_RESTART_DP, NUMBER(init_rate) },
	{ "ike.init_rate_prefix", GATEWAY_RESTART_DP, NUMBER(init_rate_prefix) },
	{ "ike.init_rate_peer", GATEWAY_RESTART_DP, NUMBER(init_rate_peer) },
	{ "ike.user", GATEWAY_RESTART_IKE, TEXT(user) },
	{ "ike.retransmit_tries", GATEWAY_RESTART_IKE, NUMBER(retransmit_tries) },
	{ "ike.retransmit_timeout", GATEWAY_RESTART_IKE, TIME(retransmit_timeout) },
	{ "ike.retransmit_base", GATEWAY_RESTART_IKE, CONF(retransmit_base), .format = hundredths_format },
	{ "ike.retransmit_limit", GATEWAY_RESTART_IKE, TIME(retransmit_limit) },
	{ "ike.retransmit_jitter", GATEWAY_RESTART_IKE, NUMBER(retransmit_jitter) },
	{ "ike.resolve_interval", GATEWAY_RESTART_IKE, TIME(resolve_interval) },
	{ "ike.keep_alive", GATEWAY_RESTART_IKE, TIME(keep_alive) },
	{ "ike.fragment_size", GATEWAY_RESTART_IKE, NUMBER(fragment_size) },
	{ "ike.path_mtu_floor", GATEWAY_RESTART_IKE, NUMBER(path_mtu_floor) },
	{ "ike.half_open_limit", GATEWAY_RESTART_IKE, NUMBER(half_open_limit) },
	{ "ike.cookie_threshold", GATEWAY_RESTART_IKE, NUMBER(cookie_threshold) },
	{ "ike.reconnect_delay", GATEWAY_RELOAD, TIME(reconnect_delay) },
	{ "ike.reconnect_limit", GATEWAY_RELOAD, TIME(reconnect_limit) },
	{ "ike.attempts", GATEWAY_RELOAD, NUMBER(attempts) },
	{ "ike.attempts_per_peer", GATEWAY_RELOAD, NUMBER(attempts_per_peer) },
	{ "log.level", GATEWAY_RELOAD, WORD(log.level, level_words) },
	{ "log.format", GATEWAY_RELOAD, WORD(log.format, format_words) },
	{ "log.target", GATEWAY_RELOAD, WORD(log.target, target_words) },
	{ .key = NULL },
};

const char *gateway_effect_word(int effect)
{
	static const char *const words[] = { [GATEWAY_RELOAD] = "update",
					     [GATEWAY_RESTART_IKE] = "restart xswan-ike",
					     [GATEWAY_RESTART_DP] = "restart xswan-dp",
					     [GATEWAY_RESTART] = "restart xswan-dp and xswan-ike" };

	return words[effect];
}

void gateway_conf_take(struct gateway_conf *conf, const struct gateway_conf *from, enum gateway_effect effect)
{
	for (const struct field *f = gateway_conf_keys; f->key; f++) {
		if (f->effect != (int)effect)
			continue;
		memcpy((char *)conf + f->offset, field_at(f, from), f->size);
	}
}
