/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#ifdef HAVE_SYSTEMD

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#include "log.h"

static struct event *watchdog;

static void tell(const char *state)
{
	int err = sd_notify(0, state);

	if (err < 0)
		log_warn("cannot tell the service manager '%.*s': %s", (int)strcspn(state, "\n"), state, strerror(-err));
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	tell("WATCHDOG=1");
}

/* Twice as often as is asked for. */
static void show_life(struct event_base *base)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	usec /= 2;
	watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (!watchdog || event_add(watchdog, &(struct timeval){ (time_t)(usec / 1000000), (suseconds_t)(usec % 1000000) }))
		log_warn("no timer for the service manager's watchdog: it will end this process");
}

void service_ready(struct event_base *base, const char *status, ...)
{
	char text[192], state[256];
	va_list ap;

	va_start(ap, status);
	vsnprintf(text, sizeof(text), status, ap);
	va_end(ap);
	snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", text);
	tell(state);
	show_life(base);
}

void service_quiet(void)
{
	if (watchdog)
		event_free(watchdog);
	watchdog = NULL;
}

#else

void service_ready(struct event_base *base, const char *status, ...)
{
}

void service_quiet(void)
{
}

#endif
