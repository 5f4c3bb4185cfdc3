/* SPDX-License-Identifier: Apache-2.0 */
/* xswan-exporter: a gateway's figures for Prometheus. It reads the vici socket and the pinned maps, and writes neither.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/options.h"
#include "../lib/privileges.h"
#include "../lib/service.h"
#include "http.h"

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	event_base_loopbreak(arg);
}

static int serve(const char *instance, const char *address)
{
	struct event_base *base = event_base_new();
	struct event *term = NULL, *intr = NULL;
	struct exporter *exporter = NULL;
	char path[INSTANCE_PATH], why[160];
	int status = 1, err;

	term = base ? evsignal_new(base, SIGTERM, on_signal, base) : NULL;
	intr = base ? evsignal_new(base, SIGINT, on_signal, base) : NULL;
	if (!term || !intr || evsignal_add(term, NULL) || evsignal_add(intr, NULL)) {
		log_error("cannot set up the event loop");
		goto out;
	}
	if (exporter_new(&exporter, base, instance, instance_run_path(instance, "vici", path), address, why,
			 sizeof(why))) {
		log_error("%s", why);
		goto out;
	}
	err = privileges_protect_memory();
	if (!err)
		err = privileges_drop(NULL); /* the maps and the socket are root's */
	if (!err)
		err = privileges_confine();
	if (err) {
		log_error("giving up privileges: %s", strerror(-err));
		goto out;
	}
	log_info("instance %s, http://%s/metrics", instance, address);
	service_ready(base, "instance %s, http://%s/metrics", instance, address);
	status = event_base_dispatch(base) < 0;
	service_quiet();
out:
	if (exporter)
		exporter_free(exporter);
	if (term)
		event_free(term);
	if (intr)
		event_free(intr);
	if (base)
		event_base_free(base);
	return status;
}

int main(int argc, char **argv)
{
	const char *instance = INSTANCE_DEFAULT, *address = EXPORTER_LISTEN;
	bool help = false, version = false;
	const struct option_def options[] = {
		{ 'i', "instance", OPTION_TEXT, "NAME", &instance, 0, "which gateway of this machine (default)" },
		{ 'l', "listen", OPTION_TEXT, "ADDR:PORT", &address, 0, "where to serve (" EXPORTER_LISTEN ")" },
		{ 'V', "version", OPTION_FLAG, NULL, &version, 0, "print the version" },
		{ 'h', "help", OPTION_FLAG, NULL, &help, 0, "this page" },
		{ .name = NULL },
	};
	char why[160];
	int operands = options_parse(options, argc, argv, why, sizeof(why));

	log_set_program("xswan-exporter");
	signal(SIGPIPE, SIG_IGN); /* a scraper may hang up at any time */
	if (help) {
		printf("xswan-exporter: serve a gateway's figures to Prometheus.\n\nusage: xswan-exporter "
		       "[options]\n\n");
		options_print(options, stdout);
		return 0;
	}
	if (version) {
		printf("xswan-exporter %s\n", XSWAN_VERSION);
		return 0;
	}
	if (operands < 0 || operands > 0 || instance_check(instance)) {
		fprintf(stderr, "xswan-exporter: %s%s; see \"xswan-exporter --help\"\n",
			operands < 0 ? why
			: operands   ? "no operand expected: "
				     : "not a name of an instance: ",
			operands < 0 ? ""
			: operands   ? argv[1]
				     : instance);
		return 2;
	}
	return serve(instance, address);
}
