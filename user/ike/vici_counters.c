/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE messages and rekeys for each connection: get-counters and reset-counters. A connection has a section with its name, all
 * together one without. "name" asks for one, "all" for every one that has any, neither for all together. What does not fit
 * a message is had by asking again: the reply then says "xswan-more", and "xswan-after" asks for those after a connection.
 */
#include <inttypes.h>

#include "daemon.h"
#include "vici_handlers.h"

#define COUNTERS_SIZE (400 * 1024) /* of the reply; a vici message holds 512 KiB */

struct selected {
	bool all, one; /* neither: of all together */
	char name[256]; /* of the one */
	const uint64_t *value; /* its; NULL: there is none */
};

static void put_counters(struct vici_builder *b, const char *section, const uint64_t *value)
{
	vici_begin_section(b, section);
	for (int i = 0; i < TALLY_COUNT; i++)
		vici_putf(b, tally_word(i), "%" PRIu64, value[i]);
	vici_end_section(b);
}

static void select_counters(struct selected *s, const struct daemon *d, const struct vici_message *msg)
{
	static const uint64_t none[TALLY_COUNT];
	const struct tally_conn *c;

	*s = (struct selected){ .all = vici_get_bool(msg, "all", false) };
	s->one = !s->all && vici_get(msg, "name", s->name, sizeof(s->name));
	if (!s->one)
		return;
	c = tallies_find(engine_tallies(d->engine), s->name);
	if (c)
		s->value = c->value;
	else if (config_find_conn(d->cfg, s->name))
		s->value = none;
}

static enum vici_verdict not_found(struct vici_builder *reply, const struct selected *s)
{
	vici_put_failure(reply, "no counters found for connection '%s'", s->name);
	return VICI_REPLY;
}

/* Returns what did not fit. */
static const struct tally_conn *put_every_conn(struct vici_builder *b, const struct tally_conn *c)
{
	for (; c && b->len < COUNTERS_SIZE; c = c->next)
		put_counters(b, c->name, c->value);
	return c;
}

enum vici_verdict vici_get_counters(void *daemon, struct vici_request *req, const struct vici_message *msg,
				    struct vici_builder *reply)
{
	const struct daemon *d = daemon;
	const struct tallies *t = engine_tallies(d->engine);
	const struct tally_conn *c = NULL;
	struct selected s;
	char after[256];

	select_counters(&s, d, msg);
	if (s.one && !s.value)
		return not_found(reply, &s);
	if (s.all && vici_get(msg, "xswan-after", after, sizeof(after)))
		c = tallies_find(t, after);
	vici_begin_section(reply, "counters");
	if (s.one)
		put_counters(reply, s.name, s.value);
	else if (!c)
		put_counters(reply, "", t->all);
	if (s.all)
		c = put_every_conn(reply, c ? c->next : t->conns);
	vici_end_section(reply);
	vici_put_flag(reply, "xswan-more", c);
	vici_put_success(reply);
	return VICI_REPLY;
}

enum vici_verdict vici_reset_counters(void *daemon, struct vici_request *req, const struct vici_message *msg,
				      struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct tallies *t = engine_tallies(d->engine);
	struct selected s;

	select_counters(&s, d, msg);
	if (s.one && !s.value)
		return not_found(reply, &s);
	tallies_reset(t, s.one ? s.name : NULL);
	for (const struct tally_conn *c = t->conns; c && s.all; c = c->next)
		tallies_reset(t, c->name);
	vici_put_success(reply);
	return VICI_REPLY;
}
