/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-dp: the dataplane. It never sees IKE; it is told SAs by xswan-ike and moves packets. */
#include <cap-ng.h>
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
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
#include "control.h"
#include "dataplane.h"
#include "monitor.h"

static const char usage[] =
	"usage: xswan-dp [-c DIR] [-i NAME] [-d] [--detach]\n"
	"\n"
	"The dataplane of an xswan gateway: attaches the XDP and TC programs to the interfaces that\n"
	"xswan.conf names and seals and opens ESP packets for the SAs that xswan-ike negotiates.\n"
	"\n"
	"  -c, --config DIR     directory of xswan.conf (" CONFIG_DIR_DEFAULT ")\n"
	"  -i, --instance NAME  name of this gateway on this machine (" INSTANCE_DEFAULT ")\n"
	"  -d, --debug          log more\n"
	"      --detach         remove the programs, maps and the tunnel interface, and exit\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"Runs in the foreground and logs to standard error. When it ends the programs stay attached, so\n"
	"that traffic that must be protected is dropped rather than sent in clear; --detach ends that.\n";

struct options {
	const char *dir, *instance;
	bool debug, detach;
};

/* 0 to go on, else the exit status plus one */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "config", required_argument, NULL, 'c' }, { "instance", required_argument, NULL, 'i' },
		{ "debug", no_argument, NULL, 'd' },	    { "detach", no_argument, NULL, 'D' },
		{ "version", no_argument, NULL, 'V' },	    { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .dir = CONFIG_DIR_DEFAULT, .instance = INSTANCE_DEFAULT };
	while ((c = getopt_long(argc, argv, "c:i:dVh", longopts, NULL)) >= 0) {
		switch (c) {
		case 'c':
			o->dir = optarg;
			break;
		case 'i':
			o->instance = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'D':
			o->detach = true;
			break;
		case 'V':
			puts("xswan-dp " XSWAN_VERSION);
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs("try: xswan-dp --help\n", stderr);
			return 3;
		}
	}
	if (optind == argc && !instance_check(o->instance))
		return 0;
	if (optind < argc)
		fprintf(stderr, "xswan-dp: unexpected argument %s\n", argv[optind]);
	else
		fprintf(stderr, "xswan-dp: instance name %s: 1-32 of A-Z a-z 0-9 _ -\n", o->instance);
	return 3;
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

/* In the main thread, before there are others. The bounding set stays, so that starting over is possible. */
static void drop_capabilities(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_IPC_LOCK, -1);
	if (capng_apply(CAPNG_SELECT_CAPS))
		log_warn("cannot drop capabilities: %s", strerror(errno));
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	log_info("signal %d: stopping", (int)signal);
	event_base_loopbreak(arg);
}

struct service {
	struct event_base *base;
	struct dataplane *dp;
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
	refresh(arg);
}

static int loop(struct service *s, const char *instance)
{
	struct event *term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
	struct event *intr = evsignal_new(s->base, SIGINT, on_signal, s->base);
	struct event *tick = event_new(s->base, -1, EV_PERSIST, on_second, s);
	struct monitor *monitor = monitor_new(s->base, refresh, s);
	const struct timeval second = { 1, 0 };
	char path[INSTANCE_PATH];
	struct control *control = control_new(s->base, instance_run_path(instance, "dp", path), s->dp->sas,
					      s->dp->programs.stat_map_id);
	int err = -ENOMEM;

	if (!monitor || !control)
		log_error("%s: %s", monitor ? path : "rtnetlink", strerror(errno));
	else if (term && intr && tick && !event_add(term, NULL) && !event_add(intr, NULL) && !event_add(tick, &second))
		err = event_base_dispatch(s->base) < 0 ? -EIO : 0;
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
static int serve(struct dataplane *dp, const char *instance)
{
	struct service s = { .base = event_base_new(), .dp = dp };
	int err;

	if (!s.base)
		return -ENOMEM;
	log_info("ready: instance %s, %u worker%s, crypto %s%s", instance, dp->worker_count,
		 dp->worker_count == 1 ? "" : "s", dp->crypto->name, dp->umem.huge ? ", huge pages" : "");
	err = loop(&s, instance);
	event_base_free(s.base);
	return err ? err : s.start_over;
}

static int take_lock(const char *instance)
{
	int other = 0, err = instance_make_run_dir(instance);

	if (!err)
		err = instance_lock(instance, "xswan-dp", &other);
	if (err == -EBUSY)
		log_error("instance %s is running already, pid %d", instance, other);
	else if (err)
		log_error("/run/xswan/%s: %s", instance, strerror(-err));
	return err;
}

static int run(struct dataplane *dp, const struct gateway_conf *conf, const char *instance, char *why, size_t why_size)
{
	int err;

	harden();
	err = dataplane_open(dp, conf, instance, why, why_size);
	if (err)
		return err;
	err = dataplane_publish(dp, instance);
	if (err) {
		snprintf(why, why_size, "cannot write /run/xswan/%s/ports.json: %s", instance, strerror(-err));
		return err;
	}
	drop_capabilities();
	err = dataplane_run(dp, why, why_size);
	return err ? err : serve(dp, instance);
}

int main(int argc, char **argv)
{
	static struct gateway_conf conf;
	static struct dataplane dp;
	char why[512] = "";
	struct options o;
	int err;

	log_set_program("xswan-dp");
	err = parse_options(argc, argv, &o);
	if (err)
		return err - 1;
	if (gateway_conf_load(&conf, o.dir, why, sizeof(why))) {
		log_error("%s", why);
		return 1;
	}
	log_set_level(o.debug ? LOG_LEVEL_DEBUG : conf.log_level);
	if (take_lock(o.instance))
		return 1;
	if (o.detach) {
		err = dataplane_detach(&conf, o.instance, why, sizeof(why));
	} else {
		err = run(&dp, &conf, o.instance, why, sizeof(why));
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
