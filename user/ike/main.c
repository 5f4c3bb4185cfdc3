/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-ike: the IKEv2 daemon of one gateway instance. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/options.h"
#include "../lib/paint.h"
#include "../lib/privileges.h"
#include "../lib/service.h"
#include "check.h"
#include "daemon.h"
#include "unit_credentials.h"

#define SECURE_HEAP (4u << 20) /* for private keys, and the key exchanges of as many IKE SAs as come up at once */
#define SECURE_HEAP_LEAST 32u

static struct daemon_options options = { .config_dir = CONFIG_DIR_DEFAULT, .instance = INSTANCE_DEFAULT };
static const char *color = "auto";
static bool help, version, check, json;

static const struct option_def defs[] = {
	{ 'c', "config", OPTION_TEXT, "DIR", &options.config_dir, 0,
	  "where xswan.conf and swanctl.conf are (" CONFIG_DIR_DEFAULT ")" },
	{ 'i', "instance", OPTION_TEXT, "NAME", &options.instance, 0,
	  "which gateway on this machine (" INSTANCE_DEFAULT ")" },
	{ 'd', "debug", OPTION_FLAG, NULL, &options.debug, 0, "log everything" },
#ifdef XSWAN_KEYLOG
	{ 0, "keylog", OPTION_TEXT, "FILE", &options.keylog, 0,
	  "append IKE keys for a protocol analyser: every secret is lost" },
#endif
#ifdef XSWAN_IMPAIR
	{ 0, "impair", OPTION_TEXT, "NAME[:EXCHANGE][=TIMES],...", &options.impair, 0, "do this wrong" },
#endif
	{ 0, "check", OPTION_FLAG, NULL, &check, 0, "say what is wrong with the configuration in DIR, and exit" },
	{ 0, "json", OPTION_FLAG, NULL, &json, 0, "with --check: as one JSON object" },
	{ 0, "color", OPTION_TEXT, "WHEN", &color, 0, "with --check: " PAINT_WORDS },
	{ 'V', "version", OPTION_FLAG, NULL, &version, 0, "print the version and exit" },
	{ 'h', "help", OPTION_FLAG, NULL, &help, 0, "print this and exit" },
	{ 0 },
};

static void print_help(void)
{
	puts("Usage: xswan-ike [OPTION]...\n"
	     "Negotiates IKEv2 for one gateway and hands the SAs to xswan-dp. Runs in the foreground,\n"
	     "logs to standard error, and is controlled with xswan or any vici client.\n");
	options_print(defs, stdout);
	puts("\nSIGHUP loads swanctl.conf again; SIGTERM deletes the SAs and ends.\n"
	     "See xswan-ike(8), xswan.conf(5), xswan-swanctl.conf(5).");
}

/* libevent's own complaints belong in the log too. */
static void on_event_log(int severity, const char *message)
{
	log_write(severity == EVENT_LOG_ERR    ? LOG_LEVEL_ERROR
		  : severity == EVENT_LOG_WARN ? LOG_LEVEL_WARN
					       : LOG_LEVEL_DEBUG,
		  "libevent: %s", message);
}

static int run_check(void)
{
	bool colour;

	if (paint_decide(color, isatty(STDOUT_FILENO), &colour)) {
		fprintf(stderr, "xswan-ike: --color takes " PAINT_WORDS ", not '%s'\n", color);
		return 2;
	}
	/* all that is to be said is in the report */
	if (log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR }) || unit_credentials_take())
		return 1;
	return check_run(options.config_dir, json ? CHECK_JSON : colour ? CHECK_COLOUR : CHECK_TEXT, time(NULL), stdout);
}

/* As whom: said once, for it decides who may read the secrets. */
static int drop_privileges(const struct gateway_conf *conf)
{
	struct account account;
	char why[128];
	int err = account_find(&account, conf, why, sizeof(why));

	if (err && err != -ENOENT) {
		log_error("%s", why);
		return err;
	}
	if (err && strcmp(conf->user, "root"))
		log_warn("there is no user '%s': staying root, without capabilities (useradd --system %s, or ike.user = root)",
			 conf->user, conf->user);
	err = privileges_drop(err ? NULL : &account);
	if (err)
		log_error("giving up privileges: %s", strerror(-err));
	return err;
}

static int confine(void)
{
	int err = privileges_confine();

	if (err)
		log_error("limiting the system calls: %s", strerror(-err));
	return err;
}

static int run(void)
{
	static struct daemon daemon; /* a few pages: too much for a stack, needed to the end */
	int err = privileges_protect_memory();

	if (err) {
		log_error("protecting memory: %s", strerror(-err));
		return err;
	}
	/* without it private keys are in memory that is wiped, but not guarded */
	if (!CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_LEAST))
		log_debug("no secure heap for private keys");
	err = instance_take(options.instance, "xswan-ike");
	if (err)
		return err;
	err = daemon_open(&daemon, &options);
	if (!err)
		err = unit_credentials_take();
	if (!err)
		err = drop_privileges(&daemon.gateway);
	if (!err)
		err = daemon_init(&daemon);
	if (!err)
		err = confine();
	if (err)
		goto out;
	log_info("xswan-ike " XSWAN_VERSION ", instance %s, UDP ports %u and %u", options.instance,
		 UDP_IKE_PORT, UDP_NAT_PORT);
	service_ready(daemon.base, "instance %s", options.instance);
	err = daemon_run(&daemon);
	service_quiet();
out:
	daemon_destroy(&daemon);
	unit_credentials_free();
	return err;
}

int main(int argc, char **argv)
{
	char why[160];
	int operands = options_parse(defs, argc, argv, why, sizeof(why));

	log_set_program("xswan-ike");
	if (operands) {
		fprintf(stderr, "xswan-ike: %s; try --help\n", operands < 0 ? why : "it takes no operands");
		return 2;
	}
	if (help) {
		print_help();
		return 0;
	}
	if (version) {
		puts("xswan-ike " XSWAN_VERSION);
		return 0;
	}
	if (check)
		return run_check();
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_event_log);
	return run() ? 1 : 0;
}
