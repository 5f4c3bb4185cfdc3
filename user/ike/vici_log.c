/* SPDX-License-Identifier: Apache-2.0 */
#include "vici_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "log_ring.h"

struct filter {
	enum log_level level;
	uint64_t since;
	char conn[LOG_RING_CONN]; /* empty: any */
};

struct follower {
	struct follower *next;
	struct vici_log *log;
	struct vici_request *req;
	struct filter filter;
};

struct vici_log {
	struct log_ring *ring;
	struct follower *followers;
	bool telling; /* what the vici server has to say of that is kept, and told to nobody */
};

struct vici_log *vici_log_new(void)
{
	struct vici_log *log = calloc(1, sizeof(*log));

	if (log)
		log->ring = log_ring_new();
	if (log && log->ring)
		return log;
	free(log);
	return NULL;
}

static void end_follower(struct follower *f, const struct vici_builder *reply)
{
	struct follower **at = &f->log->followers;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	vici_request_finish(f->req, reply);
	free(f);
}

void vici_log_free(struct vici_log *log)
{
	struct vici_builder reply = { 0 };

	if (!log)
		return;
	vici_put_failure(&reply, "xswan-ike is stopping");
	while (log->followers)
		end_follower(log->followers, &reply);
	vici_builder_free(&reply);
	log_ring_free(log->ring);
	free(log);
}

/* ---- lines ---- */

static bool passes(const struct filter *f, const struct log_line *line)
{
	return line->level <= f->level && line->time >= f->since && (!f->conn[0] || !strcmp(f->conn, line->conn));
}

static void tell(struct vici_request *req, const struct log_line *line,
		 void (*send)(struct vici_request *req, const char *event, const struct vici_builder *b))
{
	struct vici_builder b = { 0 };

	vici_putf(&b, "time", "%" PRIu64, line->time);
	vici_put(&b, "level", log_level_word(line->level));
	if (line->conn[0])
		vici_put(&b, "conn", line->conn);
	if (line->uniqueid)
		vici_putf(&b, "ike-id", "%u", line->uniqueid);
	vici_put(&b, "msg", line->text);
	send(req, "xswan-log", &b);
	vici_builder_free(&b);
}

void vici_log_line(struct vici_log *log, enum log_level level, const struct ike_log *about, const char *text)
{
	struct log_line line = { .level = level };
	struct timespec now;

	if (!log)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	line.time = now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
	if (about && about->conn) {
		snprintf(line.conn, sizeof(line.conn), "%s", about->conn);
		line.uniqueid = about->uniqueid;
	}
	snprintf(line.text, sizeof(line.text), "%s", text);
	/* debugging that nobody has asked for would drive out what somebody will */
	if (level <= LOG_LEVEL_INFO || log_is_written(level))
		log_ring_add(log->ring, &line);
	if (log->telling)
		return;
	log->telling = true;
	for (struct follower *f = log->followers; f; f = f->next)
		if (passes(&f->filter, &line))
			tell(f->req, &line, vici_request_tell);
	log->telling = false;
}

/* ---- the command ---- */

static bool read_filter(struct filter *f, const struct vici_message *msg, struct vici_builder *reply)
{
	char word[16];

	*f = (struct filter){ .level = LOG_LEVEL_INFO, .since = vici_get_u64(msg, "since", 0) };
	if (vici_has(msg, "level") &&
	    (!vici_get(msg, "level", word, sizeof(word)) || log_level_find(word, &f->level))) {
		vici_put_failure(reply, "level: error, warning, info or debug");
		return false;
	}
	if (vici_has(msg, "conn") && !vici_get(msg, "conn", f->conn, sizeof(f->conn))) {
		vici_put_failure(reply, "conn: no connection has such a name");
		return false;
	}
	return true;
}

static void tell_last(const struct vici_log *log, struct vici_request *req, const struct filter *f, uint64_t lines)
{
	struct log_line line;
	uint64_t count = 0;

	for (uint64_t at = 0; log_ring_next(log->ring, &at, &line);)
		count += passes(f, &line);
	for (uint64_t at = 0; log_ring_next(log->ring, &at, &line);)
		if (passes(f, &line) && count-- <= lines)
			tell(req, &line, vici_request_event);
}

static void on_gone(void *arg, struct vici_request *req)
{
	end_follower(arg, NULL);
}

static bool follow(struct vici_log *log, struct vici_request *req, const struct filter *filter)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	*f = (struct follower){ log->followers, log, req, *filter };
	log->followers = f;
	vici_request_on_gone(req, on_gone, f);
	return true;
}

enum vici_verdict vici_log_ask(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply)
{
	struct daemon *d = daemon;
	struct vici_log *log = d->log;
	struct filter filter;

	if (!read_filter(&filter, msg, reply))
		return VICI_REPLY;
	log->telling = true;
	tell_last(log, req, &filter, vici_get_u64(msg, "lines", UINT64_MAX));
	log->telling = false;
	if (vici_get_bool(msg, "follow", false)) {
		filter.since = 0;
		if (follow(log, req, &filter))
			return VICI_LATER;
		vici_put_failure(reply, "out of memory");
		return VICI_REPLY;
	}
	vici_putf(reply, "forgotten", "%" PRIu64, log_ring_forgotten(log->ring));
	vici_put_success(reply);
	return VICI_REPLY;
}
