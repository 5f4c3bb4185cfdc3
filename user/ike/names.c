/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "../lib/log.h"
#include "daemon.h"

#define FRESH 500000ull /* microseconds: no question is asked again so soon */
#define RETRY 5000000ull /* of a name that could not be looked up */
#define RESOLV_CONF "/etc/resolv.conf"

struct name {
	struct name *next;
	struct names *names;
	struct conf_name *conf; /* in the running configuration; NULL: not any more */
	struct conf_name known; /* of it the addresses */
	bool asking;
	char problem[96]; /* empty: the last answer was good */
	uint64_t answered_at; /* 0: never */
};

struct names {
	struct names_config config;
	struct event_base *base;
	struct evdns_base *dns;
	struct event *timer, *wake;
	struct name *list;
	int asking;
	bool answer_owed;
};

/* ---- answers ---- */

static bool listed(const struct conf_name *c, const struct addr *a)
{
	for (int i = 0; i < c->count; i++)
		if (addr_equal(&c->addrs[i], a))
			return true;
	return false;
}

static void take_answer(struct conf_name *out, const struct evutil_addrinfo *answer)
{
	out->count = 0;
	for (const struct evutil_addrinfo *ai = answer; ai && out->count < CONF_NAME_ADDRS; ai = ai->ai_next) {
		struct sockaddr_storage ss = { 0 };
		struct endpoint ep;

		memcpy(&ss, ai->ai_addr, ai->ai_addrlen < sizeof(ss) ? ai->ai_addrlen : sizeof(ss));
		if (!endpoint_from_sockaddr(&ep, &ss) && !listed(out, &ep.addr))
			out->addrs[out->count++] = ep.addr;
	}
}

/* The order is the servers', and may be another with each answer. */
static bool same(const struct conf_name *a, const struct conf_name *b)
{
	for (int i = 0; i < a->count; i++)
		if (!listed(b, &a->addrs[i]))
			return false;
	return a->count == b->count;
}

static void publish(struct name *name)
{
	if (!name->conf)
		return;
	memcpy(name->conf->addrs, name->known.addrs, sizeof(name->conf->addrs));
	name->conf->count = name->known.count;
}

static void take(struct name *name, const struct evutil_addrinfo *answer)
{
	struct conf_name now = { .text = name->known.text };
	const struct names *n = name->names;

	take_answer(&now, answer);
	name->problem[0] = '\0';
	if (same(&now, &name->known))
		return;
	name->known = now;
	publish(name);
	if (name->conf)
		n->config.changed(n->config.ctx, name->conf);
}

static void set_timer(struct names *n);

static void on_answer(int err, struct evutil_addrinfo *answer, void *arg)
{
	struct name *name = arg;
	struct names *n = name->names;

	if (err == EVUTIL_EAI_CANCEL) /* all of it is being freed */
		return;
	name->asking = false;
	name->answered_at = daemon_now();
	n->asking--;
	if (!err)
		take(name, answer);
	else if (!name->problem[0])
		log_warn("%s: %s%s", name->known.text, evutil_gai_strerror(err),
			 name->known.count ? "; the addresses that it had last stay" : "");
	if (err)
		snprintf(name->problem, sizeof(name->problem), "%s", evutil_gai_strerror(err));
	if (answer)
		evutil_freeaddrinfo(answer);
	if (n->asking)
		return;
	set_timer(n);
	if (n->answer_owed) {
		n->answer_owed = false;
		event_active(n->wake, EV_TIMEOUT, 0); /* not from within evdns, which may be renewed by it */
	}
}

/* ---- questions ---- */

/* With what the two files say now: nobody is waiting for an answer of the old one. */
static int renew_resolver(struct names *n)
{
	int err;

	if (n->dns)
		evdns_base_free(n->dns, 0);
	n->dns = evdns_base_new(n->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!n->dns)
		return -ENOMEM;
	/* what was known before is better than waiting long; resolv.conf may say otherwise */
	evdns_base_set_option(n->dns, "timeout:", "2");
	evdns_base_set_option(n->dns, "attempts:", "2");
	err = evdns_base_resolv_conf_parse(n->dns, DNS_OPTIONS_ALL, RESOLV_CONF);
	if (err)
		log_debug("%s cannot be used (%d): names are looked for in /etc/hosts alone", RESOLV_CONF, err);
	return 0;
}

/* Its answer may come before this returns, as from the hosts file. */
static void ask(struct names *n, struct name *name)
{
	const struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };

	if (name->asking || !name->conf || (!n->asking && renew_resolver(n)))
		return;
	name->asking = true;
	n->asking++;
	evdns_getaddrinfo(n->dns, name->known.text, NULL, &hints, on_answer, name);
}

static uint64_t due_at(const struct names *n, const struct name *name)
{
	const uint64_t wait = name->problem[0] && RETRY < n->config.interval ? RETRY : n->config.interval;

	return name->answered_at ? name->answered_at + wait : 0;
}

static void set_timer(struct names *n)
{
	uint64_t first = IKE_TIME_NEVER, now = daemon_now(), wait;
	struct timeval tv;

	for (const struct name *name = n->list; name; name = name->next)
		if (name->conf && !name->asking && due_at(n, name) < first)
			first = due_at(n, name);
	if (first == IKE_TIME_NEVER) {
		event_del(n->timer);
		return;
	}
	wait = first > now ? first - now : 0;
	tv = (struct timeval){ (time_t)(wait / 1000000), (suseconds_t)(wait % 1000000) };
	event_add(n->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct names *n = arg;
	const uint64_t now = daemon_now();

	for (struct name *name = n->list; name; name = name->next)
		if (due_at(n, name) <= now)
			ask(n, name);
	set_timer(n);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	const struct names *n = arg;

	n->config.answered(n->config.ctx);
}

static struct name *find(const struct names *n, const char *text)
{
	struct name *name = n->list;

	while (name && strcasecmp(name->known.text, text))
		name = name->next;
	return name;
}

static bool is_fresh(struct names *n, const struct conf_addr *list, int count)
{
	bool fresh = true;

	for (int i = 0; i < count; i++) {
		struct name *name = list[i].name ? find(n, list[i].name->text) : NULL;

		if (!name || (name->answered_at && daemon_now() - name->answered_at < FRESH))
			continue;
		fresh = false;
		ask(n, name);
	}
	return fresh;
}

bool names_fresh(struct names *n, const struct conf_conn *conn)
{
	bool fresh = is_fresh(n, conn->remote_addrs, conn->remote_addr_count);

	fresh &= is_fresh(n, conn->local_addrs, conn->local_addr_count);
	if (!fresh && !n->asking) /* answered at once */
		return true;
	n->answer_owed |= !fresh;
	return fresh;
}

const char *names_problem(const struct names *n, const struct conf_addr *list, int count, char *out, size_t size)
{
	out[0] = '\0';
	for (int i = 0; i < count; i++) {
		const struct name *name = list[i].name && !list[i].name->count ? find(n, list[i].name->text) : NULL;

		if (name && name->problem[0])
			snprintf(out, size, "%s: %s", name->known.text, name->problem);
	}
	return out;
}

/* ---- the names of a configuration ---- */

static void name_free(struct name *name)
{
	free(name->known.text);
	free(name);
}

static int add(struct names *n, struct conf_name *conf)
{
	struct name *name = find(n, conf->text);

	if (!name) {
		name = calloc(1, sizeof(*name));
		if (!name || !(name->known.text = strdup(conf->text))) {
			free(name);
			return -ENOMEM;
		}
		name->names = n;
		name->next = n->list;
		n->list = name;
	}
	name->conf = conf;
	publish(name);
	return 0;
}

/* What is asked for stays until it has been answered. */
static void sweep(struct names *n)
{
	for (struct name **at = &n->list; *at;) {
		struct name *name = *at;

		if (name->conf || name->asking) {
			at = &name->next;
			continue;
		}
		*at = name->next;
		name_free(name);
	}
}

int names_configure(struct names *n, struct config *cfg)
{
	int err = 0;

	for (struct name *name = n->list; name; name = name->next)
		name->conf = NULL;
	for (struct conf_name *conf = cfg->names; conf && !err; conf = conf->next)
		err = add(n, conf);
	sweep(n);
	set_timer(n);
	return err;
}

struct names *names_new(struct event_base *base, const struct names_config *config)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->base = base;
	n->config = *config;
	n->timer = evtimer_new(base, on_timer, n);
	n->wake = evtimer_new(base, on_wake, n);
	if (n->timer && n->wake)
		return n;
	names_free(n);
	return NULL;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	/* without this resolver nothing is called any more */
	if (n->dns)
		evdns_base_free(n->dns, 0);
	while (n->list) {
		struct name *next = n->list->next;

		free(n->list->known.text);
		free(n->list);
		n->list = next;
	}
	if (n->timer)
		event_free(n->timer);
	if (n->wake)
		event_free(n->wake);
	free(n);
}
