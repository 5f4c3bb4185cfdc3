/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ike_sa.h"

int tallies_init(struct tallies *t)
{
	*t = (struct tallies){ 0 };
	t->end = &t->conns;
	return table_init(&t->by_name);
}

void tallies_free(struct tallies *t)
{
	struct tally_conn *next;

	for (struct tally_conn *c = t->conns; c; c = next) {
		next = c->next;
		free(c->name);
		free(c);
	}
	table_free(&t->by_name);
	*t = (struct tallies){ 0 };
}

void tallies_move(struct tallies *to, struct tallies *from)
{
	tallies_free(to);
	*to = *from;
	if (!to->conns)
		to->end = &to->conns;
	*from = (struct tallies){ 0 };
}

static struct tally_conn *find(const struct tallies *t, const char *conn)
{
	struct table_entry *entry = table_find(&t->by_name, table_hash_text(0, conn));

	for (; entry; entry = table_next(entry)) {
		struct tally_conn *c = table_container(entry, struct tally_conn, by_name);

		if (!strcmp(c->name, conn))
			return c;
	}
	return NULL;
}

const struct tally_conn *tallies_find(const struct tallies *t, const char *conn)
{
	return find(t, conn);
}

static struct tally_conn *find_or_add(struct tallies *t, const char *conn)
{
	struct tally_conn *c = find(t, conn);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (c)
		c->name = strdup(conn);
	if (!c || !c->name) {
		free(c);
		return NULL;
	}
	table_add(&t->by_name, &c->by_name, table_hash_text(0, conn));
	*t->end = c;
	t->end = &c->next;
	return c;
}

void tallies_reset(struct tallies *t, const char *conn)
{
	struct tally_conn *c = conn ? find(t, conn) : NULL;

	if (!conn)
		memset(t->all, 0, sizeof(t->all));
	else if (c)
		memset(c->value, 0, sizeof(c->value));
}

const char *tally_word(enum tally tally)
{
	static const char *const words[] = {
#define X(id, word) [TALLY_##id] = word,
		TALLIES(X)
#undef X
	};

	return words[tally];
}

enum tally tally_message(uint8_t exchange, bool out, bool response)
{
	if (exchange < IKE_SA_INIT || exchange > INFORMATIONAL)
		return TALLY_COUNT;
	return TALLY_INIT_IN_REQ + 4 * (exchange - IKE_SA_INIT) + 2 * out + response;
}

void tally_stray(struct engine *e, enum tally tally)
{
	if (tally != TALLY_COUNT)
		e->tallies.all[tally]++;
}

/* What is invalid before that, anybody can send. */
static void remember(struct ike_sa *sa, enum tally tally)
{
	if (tally != TALLY_INVALID)
		sa->uncredited |= 1u << tally;
}

static bool is_known(const struct ike_sa *sa)
{
	return sa->initiator || sa->authenticated;
}

static void credit(struct ike_sa *sa, struct tally_conn *c)
{
	for (int i = 0; sa->uncredited; i++, sa->uncredited >>= 1)
		c->value[i] += sa->uncredited & 1;
}

void tally_sa(struct ike_sa *sa, enum tally tally)
{
	struct tally_conn *c;

	if (tally == TALLY_COUNT)
		return;
	tally_stray(sa->engine, tally);
	if (!is_known(sa)) {
		remember(sa, tally);
		return;
	}
	c = find_or_add(&sa->engine->tallies, sa->conn->name);
	if (!c)
		return;
	credit(sa, c);
	c->value[tally]++;
}

void tally_count(struct ike_sa *sa, enum xswan_ike_counter counter)
{
	struct tally_conn *c = is_known(sa) ? find_or_add(&sa->engine->tallies, sa->conn->name) : NULL;

	engine_count(sa->engine, counter);
	if (c)
		c->event[counter]++;
}

void tallies_fail(struct tallies *t, const char *conn, enum ike_reason reason)
{
	struct tally_conn *c = conn ? find_or_add(t, conn) : NULL;

	t->failed[reason]++;
	if (c)
		c->failed[reason]++;
}

void tally_failed(struct ike_sa *sa, enum ike_reason reason)
{
	tallies_fail(&sa->engine->tallies, is_known(sa) ? sa->conn->name : NULL, reason);
}

void tally_stray_invalid(struct engine *e, enum xswan_ike_counter counter)
{
	engine_count(e, counter);
	tally_stray(e, TALLY_INVALID);
}

void tally_sa_invalid(struct ike_sa *sa, enum xswan_ike_counter counter)
{
	tally_count(sa, counter);
	tally_sa(sa, TALLY_INVALID);
}
