/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-dp: the dataplane. It never sees IKE; it is told SAs by xswan-ike and moves packets. */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../lib/gateway_conf.h"
#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/options.h"
#include "../lib/service.h"
#include "control.h"
#include "dataplane.h"
#include "flood.h"
#include "monitor.h"
#include "report.h"

static const char *config_dir = CONFIG_DIR_DEFAULT, *instance = INSTANCE_DEFAULT;
static bool debug, detach, version, help;

static const struct option_def defs[] = {
	{ 'c', "config", OPTION_TEXT, "DIR", &config_dir, 0, "where xswan.conf is (" CONFIG_DIR_DEFAULT ")" },
	{ 'i', "instance", OPTION_TEXT, "NAME", &instance, 0, "which gateway on this machine (" INSTANCE_DEFAULT ")" },
	{ 'd', "debug", OPTION_FLAG, NULL, &debug, 0, "log everything" },
	{ 0, "detach", OPTION_FLAG, NULL, &detach, 0, "remove programs, maps and the tunnel interface, and exit" },
	{ 'V', "version", OPTION_FLAG, NULL, &version, 0, "print the version and exit" },
	{ 'h', "help", OPTION_FLAG, NULL, &help, 0, "print this and exit" },
	{ 0 },
};

static void print_help(void)
{
	puts("Usage: xswan-dp [OPTION]...\n"
	     "The dataplane of a gateway: attaches the XDP and TC programs to the interfaces of xswan.conf, and\n"
	     "seals and opens ESP for the SAs that xswan-ike negotiates. Runs in the foreground and logs to\n"
	     "standard error.\n");
	options_print(defs, stdout);
	puts("\nWhen it ends the programs stay attached: what must be protected is dropped then, and --detach\n"
	     "ends that. See xswan-dp(8), xswan.conf(5).");
}

/* Keys and plaintext are in this process: no core dumps, no ptrace, nothing swapped out. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		log_warn("cannot switch core dumps off: %s", strerror(errno));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warn("cannot lock memory: %s", strerror(errno));
}

/*
 * In the main thread, before there are others. Loading the programs also takes CAP_PERFMON, and knowing those that are
 * there CAP_SYS_ADMIN: both stay permitted, for a process that starts over gets no more than it had, but not in effect.
 */
static void drop_capabilities(void)
{
	const capng_type_t all = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;

	capng_clear(CAPNG_SELECT_ALL);
	capng_updatev(CAPNG_ADD, all, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_IPC_LOCK, -1);
	capng_updatev(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_PERFMON, CAP_SYS_ADMIN, -1);
	/* the bounding set cannot be changed without CAP_SETPCAP: then a service manager has done it */
	if (capng_apply(CAPNG_SELECT_BOTH) && capng_apply(CAPNG_SELECT_CAPS))
		log_warn("cannot drop capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		log_warn("no_new_privs: %s", strerror(errno));
}

static struct account controller;
static bool has_controller; /* that is not root */

/* Being in the controller's group is what it takes to open the socket to it later, without capabilities. */
static int admit_controller(const struct gateway_conf *conf, char *why, size_t why_size)
{
	int err = account_find(&controller, conf, why, why_size);

	has_controller = !err;
	if (has_controller && setgroups(1, &controller.gid)) /* the service manager may have done it */
		log_debug("cannot join group %u: %s", (unsigned int)controller.gid, strerror(errno));
	return err == -ENOENT ? 0 : err;
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	log_info("signal %d: stopping", (int)signal);
	event_base_loopbreak(arg);
}

struct service {
	struct event_base *base;
	struct dataplane *dp;
	struct flood flood;
	bool start_over;
};

static void refresh(void *arg)
{
	struct service *s = arg;

	if (dataplane_refresh(s->dp))
		return;
	s->start_over = true;
	event_base_loopbreak(s->base);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;
	int err;

	for (int i = 0; i < s->dp->port_count; i++)
		port_count_lost(&s->dp->ports[i], s->dp->programs.drops);
	err = report_publish(s->dp, instance);
	if (err)
		log_debug("ports.json: %s", strerror(-err));
	flood_watch(&s->flood, s->dp->programs.drops_fd);
	refresh(s);
}

static int turn(struct service *s)
{
	int err;

	service_ready(s->base, "instance %s, workers: %u, crypto %s", instance, s->dp->worker_count, s->dp->crypto->name);
	err = event_base_dispatch(s->base) < 0 ? -EIO : 0;
	service_quiet();
	return err;
}

static int loop(struct service *s)
{
	struct event *term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
	struct event *intr = evsignal_new(s->base, SIGINT, on_signal, s->base);
	struct event *tick = event_new(s->base, -1, EV_PERSIST, on_second, s);
	struct monitor *monitor = monitor_new(s->base, refresh, s);
	const struct timeval second = { 1, 0 };
	char path[INSTANCE_PATH];
	const struct control_config config = {
		.path = instance_run_path(instance, "dp", path),
		.sas = s->dp->sas,
		.stat_map_id = s->dp->programs.stat_map_id,
		.maps = s->dp->programs.controller_fds,
		.controller = has_controller ? &controller : NULL,
		.capture = &s->dp->capture,
		.keys = s->dp->kept_keys,
		.tunnels = s->dp->programs.tunnels,
	};
	struct control *control = control_new(s->base, &config);
	int err = -ENOMEM;

	if (!monitor || !control)
		log_error("%s: %s", monitor ? path : "rtnetlink", strerror(errno));
	else if (term && intr && tick && !event_add(term, NULL) && !event_add(intr, NULL) && !event_add(tick, &second))
		err = turn(s);
	control_free(control);
	monitor_free(monitor);
	if (term)
		event_free(term);
	if (intr)
		event_free(intr);
	if (tick)
		event_free(tick);
	return err;
}

/* 0 to end, 1 to start over, or -errno. */
static int serve(struct dataplane *dp)
{
	struct service s = { .base = event_base_new(), .dp = dp, .flood.quiet = FLOOD_OVER };
	int err;

	if (!s.base)
		return -ENOMEM;
	log_info("ready: instance %s, %u worker%s, crypto %s%s", instance, dp->worker_count,
		 dp->worker_count == 1 ? "" : "s", dp->crypto->name, dp->umem.huge ? ", huge pages" : "");
	err = loop(&s);
	event_base_free(s.base);
	return err ? err : s.start_over;
}

/* As serve(). */
static int run(struct dataplane *dp, const struct gateway_conf *conf, char *why, size_t why_size)
{
	int err;

	harden();
	err = admit_controller(conf, why, why_size);
	if (err)
		return err;
	err = dataplane_open(dp, conf, instance, why, why_size);
	if (err)
		return err;
	err = report_publish(dp, instance);
	if (err) {
		snprintf(why, why_size, "cannot write /run/xswan/%s/ports.json: %s", instance, strerror(-err));
		return err;
	}
	drop_capabilities();
	err = dataplane_run(dp, why, why_size);
	return err ? err : serve(dp);
}

static int start(char **argv)
{
	static struct gateway_conf conf;
	static struct dataplane dp;
	char why[512] = "";
	int err;

	if (gateway_conf_load(&conf, config_dir, why, sizeof(why))) {
		log_error("%s", why);
		return 1;
	}
	if (gateway_conf_log(&conf, instance, debug))
		return 1;
	if (instance_take(instance, "xswan-dp"))
		return 1;
	if (detach) {
		err = dataplane_detach(&conf, instance, why, sizeof(why));
	} else {
		err = run(&dp, &conf, why, sizeof(why));
		dataplane_stop(&dp);
	}
	if (err == 1) {
		execv("/proc/self/exe", argv); /* the controller gives a new process its SAs again */
		err = -errno;
	}
	if (err)
		log_error("%s", why[0] ? why : strerror(-err));
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	char why[160];
	int operands = options_parse(defs, argc, argv, why, sizeof(why));

	log_set_program("xswan-dp");
	if (operands) {
		fprintf(stderr, "xswan-dp: %s; try --help\n", operands < 0 ? why : "it takes no operands");
		return 2;
	}
	if (help)
		print_help();
	else if (version)
		puts("xswan-dp " XSWAN_VERSION);
	else
		return start(argv);
	return 0;
}
