/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_conf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

#define FRAMES_MIN 1024u
#define FRAMES_MAX 1048576u
#define PATH_MTU_FLOOR_MIN 68u /* RFC 791 */
#define PATH_MTU_FLOOR_MAX 1500u
#define FRAGMENT_SIZE_MIN 256u /* 255 of them are still more than the longest message */
#define FRAGMENT_SIZE_MAX 16384u
#define MSS_MIN 88u /* less is not worth the headers: Linux takes none */
#define MSS_MAX 65495u
#define INIT_RATE_MAX 1000000u
#define HALF_OPEN_LIMIT_MAX 65535u
#define INTERFACES_MAX (XSWAN_PORTS - 1) /* the tunnel takes one port too */
#define TUNNEL_SUFFIX "-dp" /* of the dataplane's end of the pair */

struct choice {
	const char *word;
	int value;
};

static const struct choice attach_modes[] = {
	{ "auto", ATTACH_AUTO },
	{ "native", ATTACH_NATIVE },
	{ "generic", ATTACH_GENERIC },
	{ "external", ATTACH_EXTERNAL },
	{ NULL, 0 },
};

static const struct choice roles[] = {
	{ "outside", XSWAN_ROLE_OUTSIDE },
	{ "inside", XSWAN_ROLE_INSIDE },
	{ NULL, 0 },
};

static const struct choice backends[] = {
	{ "af_xdp", false },
	{ "vnet", true },
	{ NULL, 0 },
};

static const struct choice no_yes[] = {
	{ "no", false },
	{ "yes", true },
	{ NULL, 0 },
};

static const struct choice fragment[] = {
	{ "before", false },
	{ "after", true },
	{ NULL, 0 },
};

static const struct choice levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct choice formats[] = {
	{ "text", LOG_FORMAT_TEXT },
	{ "logfmt", LOG_FORMAT_LOGFMT },
	{ "json", LOG_FORMAT_JSON },
	{ NULL, 0 },
};

static const struct choice targets[] = {
	{ "stderr", LOG_TARGET_STDERR },
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "journal", LOG_TARGET_JOURNAL },
	{ NULL, 0 },
};

static const struct choice offloads[] = {
	{ "auto", false },
	{ "keep", true },
	{ NULL, 0 },
};

static const struct choice crypto[] = {
	{ "auto", 0 },
	{ "ipsec-mb", 0 },
	{ "openssl", 0 },
	{ NULL, 0 },
};

/* The choice of that word, or NULL: absent, or not one of them (a problem). */
static const struct choice *choose(struct section *s, const char *key, const struct choice *from, struct problems *p)
{
	struct setting *k = section_get(s, key);
	char all[128] = "";
	size_t used = 0;

	if (!k)
		return NULL;
	for (const struct choice *c = from; c->word; c++) {
		if (!strcmp(c->word, k->value))
			return c;
		used += snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", c->word);
	}
	problem_setting(p, k, "'%s' is not one of: %s", k->value, all);
	return NULL;
}

#define WHY_SIZE 128

/* Would Linux give this name to an interface, with room for a suffix? If not, why. */
static bool device_name(const char *name, const char *suffix, char why[WHY_SIZE])
{
	size_t len = strlen(name), max = IFNAMSIZ - 1 - strlen(suffix);

	if (strpbrk(name, " \t"))
		snprintf(why, WHY_SIZE, "'%.60s' is not a device name (each key needs a line of its own)", name);
	else if (!len || strpbrk(name, "/:\n\r") || !strcmp(name, ".") || !strcmp(name, ".."))
		snprintf(why, WHY_SIZE, "'%.60s' is not a device name", name);
	else if (len > max)
		snprintf(why, WHY_SIZE, "'%.60s' is longer than %zu characters", name, max);
	else
		return true;
	return false;
}

static const struct gateway_port *find_port(const struct gateway_conf *conf, const char *device)
{
	for (int i = 0; i < conf->port_count; i++)
		if (!strcmp(conf->ports[i].device, device))
			return &conf->ports[i];
	return NULL;
}

/* A section without the key is named after its device. NULL: a problem. */
static const char *load_device(const struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "device");
	const char *name = k ? k->value : s->name;
	char why[WHY_SIZE];

	if (device_name(name, "", why)) {
		if (!find_port(conf, name))
			return name;
		snprintf(why, sizeof(why), "'%s' has a role already", name);
	}
	if (k)
		problem_setting(p, k, "%s", why);
	else
		problem_section(p, s, "no device, and %s", why);
	return NULL;
}

static void load_port(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *role = section_get(s, "role");
	struct gateway_port *port = &conf->ports[conf->port_count];
	const char *device = load_device(conf, s, p);
	const struct choice *c = choose(s, "role", roles, p), *backend = choose(s, "backend", backends, p);
	const struct choice *keep = choose(s, "offloads", offloads, p);

	s->used = true;
	if (!role)
		problem_section(p, s, "no role: outside (IKE and ESP) or inside (plaintext)");
	if (!device || !c)
		return;
	if (conf->port_count == INTERFACES_MAX) {
		problem_section(p, s, "more than %u interfaces", INTERFACES_MAX);
		return;
	}
	strcpy(port->device, device);
	port->role = c->value;
	port->vnet = backend && backend->value;
	port->keep_offloads = keep && keep->value;
	conf->port_count++;
}

static void load_interfaces(struct gateway_conf *conf, struct section *root, const char *path, struct problems *p)
{
	struct section *interfaces = section_find(root, "interfaces");
	bool outside = false;

	for (struct section *s = interfaces ? interfaces->sections : NULL; s; s = s->next)
		load_port(conf, s, p);
	for (int i = 0; i < conf->port_count; i++)
		outside |= conf->ports[i].role == XSWAN_ROLE_OUTSIDE;
	if (!outside && interfaces && !p->count)
		problem_section(p, interfaces, "no interface with role = outside");
	else if (!outside && !p->count)
		problem_at(p, path, 0, "no section interfaces with an interface of role = outside");
}

static void load_workers(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "workers");
	uint64_t n = 0;

	if (k && !strcmp(k->value, "auto"))
		return;
	if (section_get_number(s, "workers", 1, XSWAN_WORKERS, &n, p) == 0)
		conf->workers = n;
}

static void load_cpus(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "cpus");

	if (k && !cpu_list_parse(&conf->cpus, k->value)) {
		problem_setting(p, k, "'%s' is not a list of CPUs like 2-5,8", k->value);
		conf->cpus.count = 0;
	}
}

static void load_tcp_mss(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "tcp_mss");
	uint64_t n = 0;

	if (!k || !strcmp(k->value, "auto"))
		return;
	if (!strcmp(k->value, "off"))
		conf->tcp_mss = 0;
	else if (section_get_number(s, "tcp_mss", MSS_MIN, MSS_MAX, &n, p) == 0)
		conf->tcp_mss = n;
}

static void load_tunnel(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "tunnel");
	char why[WHY_SIZE];

	if (!k)
		return;
	if (!device_name(k->value, TUNNEL_SUFFIX, why))
		problem_setting(p, k, "%s", why);
	else if (find_port(conf, k->value))
		problem_setting(p, k, "'%s' is one of the interfaces: the tunnel needs a name of its own", k->value);
	else
		strcpy(conf->tunnel, k->value);
}

static void load_dataplane(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	const struct choice *attach = choose(s, "attach", attach_modes, p);
	const struct choice *backend = choose(s, "crypto", crypto, p);
	const struct choice *order = choose(s, "fragment", fragment, p);
	const struct choice *keys = choose(s, "capture_keys", no_yes, p);
	uint64_t frames = conf->frames;

	if (attach)
		conf->attach = attach->value;
	if (backend)
		strcpy(conf->crypto, backend->word);
	load_workers(conf, s, p);
	load_cpus(conf, s, p);
	load_tunnel(conf, s, p);
	load_tcp_mss(conf, s, p);
	if (order)
		conf->fragment_after = order->value;
	if (keys)
		conf->capture_keys = keys->value;
	if (section_get_number(s, "frames", FRAMES_MIN, FRAMES_MAX, &frames, p) < 0)
		return;
	if (frames & (frames - 1))
		problem_setting(p, section_get(s, "frames"), "%u is not a power of two", (unsigned int)frames);
	else
		conf->frames = frames;
}

static void load_count(struct section *s, const char *key, uint32_t min, uint32_t max, uint32_t *count, struct problems *p)
{
	uint64_t n = *count;

	section_get_number(s, key, min, max, &n, p);
	*count = n;
}

/* "1.8" as 180 */
static void load_hundredths(struct section *s, const char *key, double min, double max, uint32_t *out,
			    struct problems *p)
{
	struct setting *k = section_get(s, key);
	char *end;
	double value;

	if (!k)
		return;
	value = strtod(k->value, &end);
	if (*end || end == k->value || !(value >= min && value <= max))
		problem_setting(p, k, "'%s' is not a number from %g to %g", k->value, min, max);
	else
		*out = (uint32_t)(value * 100 + 0.5);
}

static void load_retransmission(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	uint64_t jitter = conf->retransmit_jitter;

	load_hundredths(s, "retransmit_base", 1, 10, &conf->retransmit_base, p);
	section_get_time(s, "retransmit_limit", 3600, &conf->retransmit_limit, p);
	section_get_number(s, "retransmit_jitter", 0, 50, &jitter, p);
	conf->retransmit_jitter = jitter;
}

static void load_reconnecting(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *delay = section_get(s, "reconnect_delay"), *limit = section_get(s, "reconnect_limit");
	uint64_t attempts = conf->attempts, per_peer = conf->attempts_per_peer;

	section_get_time(s, "reconnect_delay", 3600, &conf->reconnect_delay, p);
	section_get_time(s, "reconnect_limit", 86400, &conf->reconnect_limit, p);
	if (conf->reconnect_delay < 100000)
		problem_setting(p, delay, "%s is too short: at least 100ms", delay->value);
	else if (conf->reconnect_limit < conf->reconnect_delay)
		problem_setting(p, limit ? limit : delay, "reconnect_limit is shorter than reconnect_delay");
	section_get_time(s, "resolve_interval", 86400, &conf->resolve_interval, p);
	if (conf->resolve_interval < 1000000)
		problem_setting(p, section_get(s, "resolve_interval"), "%s is too short: at least 1s",
				section_get(s, "resolve_interval")->value);
	section_get_number(s, "attempts", 1, 100000, &attempts, p);
	section_get_number(s, "attempts_per_peer", 1, 100000, &per_peer, p);
	conf->attempts = attempts;
	conf->attempts_per_peer = per_peer;
}

static void load_user(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	struct setting *k = section_get(s, "user");

	if (!k)
		return;
	if (!k->value[0] || strlen(k->value) >= GATEWAY_USER || strpbrk(k->value, ": \t/")) {
		problem_setting(p, k, "'%s' is not a name of a user", k->value);
		return;
	}
	strcpy(conf->user, k->value);
	conf->user_named = true;
}

static void load_ike(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	uint64_t tries = conf->retransmit_tries, floor = conf->path_mtu_floor;
	struct setting *timeout = section_get(s, "retransmit_timeout");

	section_get_number(s, "retransmit_tries", 1, 100, &tries, p);
	section_get_time(s, "retransmit_timeout", 3600, &conf->retransmit_timeout, p);
	if (timeout && conf->retransmit_timeout < 1000)
		problem_setting(p, timeout, "%s is too short: at least 1ms", timeout->value);
	section_get_number(s, "path_mtu_floor", PATH_MTU_FLOOR_MIN, PATH_MTU_FLOOR_MAX, &floor, p);
	conf->retransmit_tries = tries;
	load_retransmission(conf, s, p);
	load_reconnecting(conf, s, p);
	section_get_time(s, "keep_alive", 3600, &conf->keep_alive, p);
	if (conf->keep_alive && conf->keep_alive < 1000000)
		problem_setting(p, section_get(s, "keep_alive"), "%s is too short: at least 1s, or 0 for never",
				section_get(s, "keep_alive")->value);
	conf->path_mtu_floor = floor;
	load_user(conf, s, p);
	load_count(s, "half_open_limit", 1, HALF_OPEN_LIMIT_MAX, &conf->half_open_limit, p);
	load_count(s, "cookie_threshold", 1, HALF_OPEN_LIMIT_MAX, &conf->cookie_threshold, p);
	load_count(s, "init_rate", 0, INIT_RATE_MAX, &conf->init_rate, p);
	load_count(s, "init_rate_prefix", 0, INIT_RATE_MAX, &conf->init_rate_prefix, p);
	load_count(s, "init_rate_peer", 0, INIT_RATE_MAX, &conf->init_rate_peer, p);
	load_count(s, "fragment_size", FRAGMENT_SIZE_MIN, FRAGMENT_SIZE_MAX, &conf->fragment_size, p);
}

static void load_log(struct gateway_conf *conf, struct section *s, struct problems *p)
{
	const struct choice *level = choose(s, "level", levels, p), *format = choose(s, "format", formats, p);
	const struct choice *target = choose(s, "target", targets, p);

	if (level)
		conf->log.level = level->value;
	if (format)
		conf->log.format = format->value;
	if (target)
		conf->log.target = target->value;
	if (conf->log.target == LOG_TARGET_JOURNAL && conf->log.format != LOG_FORMAT_TEXT)
		problem_setting(p, section_get(s, "format"), "the journal has fields of its own: write text");
}

static void load(struct gateway_conf *conf, struct section *root, const char *path, struct problems *p)
{
	struct section *dataplane = section_find(root, "dataplane"), *ike = section_find(root, "ike");
	struct section *log = section_find(root, "log");

	load_interfaces(conf, root, path, p);
	if (dataplane)
		load_dataplane(conf, dataplane, p);
	if (ike)
		load_ike(conf, ike, p);
	if (log)
		load_log(conf, log, p);
	problems_unused(p, root);
}

int gateway_conf_load(struct gateway_conf *conf, const char *dir, char *why, size_t why_size)
{
	struct gateway_conf out = {
		.attach = ATTACH_AUTO,
		.crypto = "auto",
		.frames = 16384,
		.tunnel = "xsw0",
		.tcp_mss = GATEWAY_MSS_AUTO,
		.retransmit_tries = 5,
		.retransmit_timeout = 1000000,
		.retransmit_base = 180,
		.retransmit_jitter = 20,
		.reconnect_delay = 1000000,
		.reconnect_limit = 60 * 1000000,
		.attempts = 512,
		.attempts_per_peer = 64,
		.resolve_interval = 60 * 1000000,
		.keep_alive = 20 * 1000000,
		.path_mtu_floor = 576,
		.user = "xswan",
		.half_open_limit = 4096,
		.cookie_threshold = 256,
		.init_rate = 5000,
		.init_rate_prefix = 200,
		.init_rate_peer = 50,
		.log = { .level = LOG_LEVEL_INFO },
		.fragment_size = 1280,
	};
	struct problems p = { .why = why, .why_size = why_size };
	struct settings *settings;
	char path[PATH_MAX];
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/xswan.conf", dir) >= sizeof(path)) {
		snprintf(why, why_size, "path too long");
		return -ENAMETOOLONG;
	}
	err = settings_load(&settings, path, why, why_size);
	if (err < 0)
		return err;
	load(&out, settings_root(settings), path, &p);
	settings_free(settings);
	err = problems_end(&p);
	if (!err)
		*conf = out;
	return err;
}

int gateway_conf_log(const struct gateway_conf *conf, const char *instance, bool debug)
{
	struct log_settings log = conf->log;
	int err;

	if (debug)
		log.level = LOG_LEVEL_DEBUG;
	log_set_instance(instance);
	err = log_configure(&log);
	if (err == -EOPNOTSUPP)
		log_error("log.target = journal: this xswan was built without libsystemd; write stderr or syslog");
	else if (err)
		log_error("log.target: there is no journal here: %s", strerror(-err));
	return err;
}
