/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_handlers.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "../lib/instance.h"
#include "daemon.h"
#include "vici_control.h"
#include "vici_log.h"

static enum vici_verdict on_version(void *ctx, struct vici_request *req, const struct vici_message *msg,
				    struct vici_builder *reply)
{
	struct utsname system;

	vici_put(reply, "daemon", "xswan-ike");
	vici_put(reply, "version", XSWAN_VERSION);
	if (!uname(&system)) {
		vici_put(reply, "sysname", system.sysname);
		vici_put(reply, "release", system.release);
		vici_put(reply, "machine", system.machine);
	}
	return VICI_REPLY;
}

static void put_since(struct vici_builder *b, time_t started)
{
	long seconds = time(NULL) - started;
	struct tm tm;
	char text[64];

	vici_begin_section(b, "uptime");
	if (seconds < 120)
		vici_putf(b, "running", "%ld seconds", seconds);
	else if (seconds < 7200)
		vici_putf(b, "running", "%ld minutes", seconds / 60);
	else if (seconds < 172800)
		vici_putf(b, "running", "%ld hours", seconds / 3600);
	else
		vici_putf(b, "running", "%ld days", seconds / 86400);
	strftime(text, sizeof(text), "%b %d %H:%M:%S %Y", localtime_r(&started, &tm));
	vici_put(b, "since", text);
	vici_end_section(b);
}

struct ike_count {
	unsigned int total, half_open;
};

static void count_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct ike_count *count = ctx;

	count->total++;
	count->half_open += sa->state == IKE_CONNECTING;
}

/* One thread does everything: it is the one worker, and active while it answers this. */
static void put_workers(struct vici_builder *b)
{
	static const char *const priorities[] = { "critical", "high", "medium", "low" };

	vici_begin_section(b, "workers");
	vici_put(b, "total", "1");
	vici_put(b, "idle", "0");
	vici_begin_section(b, "active");
	for (int i = 0; i < 4; i++)
		vici_put(b, priorities[i], i == 2 ? "1" : "0");
	vici_end_section(b);
	vici_end_section(b);
	vici_begin_section(b, "queues");
	for (int i = 0; i < 4; i++)
		vici_put(b, priorities[i], "0");
	vici_end_section(b);
	vici_put(b, "scheduled", "0");
}

static void put_memory(struct vici_builder *b)
{
	const struct mallinfo2 info = mallinfo2();

	vici_begin_section(b, "mallinfo");
	vici_putf(b, "sbrk", "%zu", info.arena);
	vici_putf(b, "mmap", "%zu", info.hblkhd);
	vici_putf(b, "used", "%zu", info.uordblks);
	vici_putf(b, "free", "%zu", info.fordblks);
	vici_end_section(b);
}

static enum vici_verdict on_stats(void *ctx, struct vici_request *req, const struct vici_message *msg,
				  struct vici_builder *reply)
{
	const struct daemon *d = ctx;
	struct ike_count count = { 0 };

	engine_foreach_sa(d->engine, count_sa, &count);
	put_since(reply, d->started);
	put_workers(reply);
	vici_begin_section(reply, "ikesas");
	vici_putf(reply, "total", "%u", count.total);
	vici_putf(reply, "half-open", "%u", count.half_open);
	vici_end_section(reply);
	if (daemon_confirm_left(d))
		vici_putf(reply, "xswan-confirm-left", "%" PRIu64, daemon_confirm_left(d));
	vici_begin_list(reply, "plugins");
	vici_end_list(reply);
	put_memory(reply);
	return VICI_REPLY;
}

#define FAILURES_SIZE (256 * 1024) /* of the reply; a vici message holds twice that */

/* For each connection a section, and in it one for each child that failed. The list has a connection's children
 * together. */
static enum vici_verdict on_failures(void *ctx, struct vici_request *req, const struct vici_message *msg,
				     struct vici_builder *reply)
{
	const struct daemon *d = ctx;
	const char *conn = NULL; /* whose section is open */

	for (const struct wanted_child *c = d->wanted.children; c && reply->len < FAILURES_SIZE; c = c->next) {
		if (!c->failure)
			continue;
		if (conn && strcmp(conn, c->conn))
			vici_end_section(reply);
		if (!conn || strcmp(conn, c->conn))
			vici_begin_section(reply, c->conn);
		conn = c->conn;
		vici_begin_section(reply, c->child);
		vici_put(reply, "text", c->failure);
		vici_putf(reply, "age", "%" PRIu64, (daemon_now() - c->failed_at) / 1000000);
		vici_end_section(reply);
	}
	if (conn)
		vici_end_section(reply);
	return VICI_REPLY;
}

const struct vici_command vici_commands[] = {
	{ "version", on_version },
	{ "stats", on_stats },
	{ "initiate", vici_control_initiate },
	{ "terminate", vici_control_terminate },
	{ "rekey", vici_rekey },
	{ "xswan-restart", vici_control_restart },
	{ "list-sas", vici_list_sas },
	{ "list-conns", vici_list_conns },
	{ "get-conns", vici_get_conns },
	{ "list-policies", vici_list_policies },
	{ "install", vici_install },
	{ "uninstall", vici_uninstall },
	{ "get-algorithms", vici_get_algorithms },
	{ "get-pools", vici_get_pools },
	{ "load-pool", vici_load_pool },
	{ "unload-pool", vici_unload_pool },
	{ "redirect", vici_redirect },
	{ "load-token", vici_load_token },
	{ "reload-settings", vici_reload_settings },
	{ "load-conn", vici_load_conn },
	{ "unload-conn", vici_unload_conn },
	{ "load-cert", vici_load_cert },
	{ "load-key", vici_load_key },
	{ "unload-key", vici_unload_key },
	{ "get-keys", vici_get_keys },
	{ "load-shared", vici_load_shared },
	{ "unload-shared", vici_unload_shared },
	{ "get-shared", vici_get_shared },
	{ "flush-certs", vici_flush_certs },
	{ "clear-creds", vici_clear_creds },
	{ "list-certs", vici_list_certs },
	{ "list-authorities", vici_list_authorities },
	{ "get-authorities", vici_get_authorities },
	{ "load-authority", vici_load_authority },
	{ "unload-authority", vici_unload_authority },
	{ "xswan-failures", on_failures },
	{ "xswan-log", vici_log_ask },
	{ "xswan-outcomes", vici_outcomes },
	{ "xswan-diff", vici_diff },
	{ "xswan-apply", vici_apply },
	{ "xswan-confirm", vici_confirm },
	{ "get-counters", vici_get_counters },
	{ "reset-counters", vici_reset_counters },
	{ NULL, NULL },
};

/* All of strongSwan's: clients register for some before they ask, and must not be told that these do not exist; and ours. */
const char *const vici_events[] = {
	"log",        "control-log", "list-sa",      "list-policy", "list-conn",  "list-cert", "list-authority",
	"ike-updown", "ike-rekey",   "child-updown", "child-rekey", "ike-update", "alert",     "xswan-change",
	"xswan-log",  NULL,
};

int vici_start(struct daemon *d)
{
	char path[INSTANCE_PATH];

	return vici_server_new(&d->vici, d->base, instance_run_path(d->options.instance, "vici", path), vici_commands,
			       vici_events, d);
}
