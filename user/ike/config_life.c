/* SPDX-License-Identifier: Apache-2.0 */
/* rekey_time and the like of a connection, with strongSwan's meanings and defaults. */
#include "config_section.h"

#define REKEY_TIME_DEFAULT (4u * 3600)
#define SECONDS_MAX (10u * 365 * 24 * 3600)

/* True: it is written there, right or wrong. */
static bool load(struct section *s, const char *key, uint64_t *seconds, struct problems *p)
{
	uint64_t usec = 0;

	if (!section_get(s, key))
		return false;
	if (!section_get_time(s, key, SECONDS_MAX, &usec, p) && usec % 1000000)
		problem_setting(p, section_get(s, key), "whole seconds only");
	*seconds = usec / 1000000;
	return true;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void check_rand(struct section *s, const struct conf_conn *conn, const char *key, uint64_t time,
		       struct problems *p)
{
	if (time && conn->rand_time >= time)
		problem_setting(p, section_get(s, "rand_time"), "must be less than %s, of which a part of it is taken off",
				key);
}

void config_load_life(struct section *s, struct conf_conn *conn, struct problems *p)
{
	const bool rekey = load(s, "rekey_time", &conn->rekey_time, p);
	const bool reauth = load(s, "reauth_time", &conn->reauth_time, p);
	uint64_t longer;

	if (!rekey && !reauth)
		conn->rekey_time = REKEY_TIME_DEFAULT;
	longer = larger(conn->rekey_time, conn->reauth_time);
	if (!load(s, "over_time", &conn->over_time, p))
		conn->over_time = longer / 10;
	if (load(s, "rand_time", &conn->rand_time, p)) {
		check_rand(s, conn, "rekey_time", conn->rekey_time, p);
		check_rand(s, conn, "reauth_time", conn->reauth_time, p);
	} else {
		const uint64_t shorter = !conn->rekey_time || (conn->reauth_time && conn->reauth_time < conn->rekey_time) ?
						 conn->reauth_time :
						 conn->rekey_time;

		conn->rand_time = conn->over_time < shorter / 2 ? conn->over_time : shorter / 2;
	}
}
