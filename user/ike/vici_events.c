/* SPDX-License-Identifier: Apache-2.0 */
/* What xswan-ike tells clients by itself: SAs that come, go and move, lines of the log, alerts. Rekeys are in vici_rekey.c. */
#include <string.h>

#include "daemon.h"
#include "vici_control.h"
#include "vici_handlers.h"
#include "vici_log.h"

static void put_updown_ike(struct vici_builder *b, const struct ike_event *event, bool up)
{
	vici_put_flag(b, "up", up);
	vici_begin_section(b, event->sa->conn ? event->sa->conn->name : "(unnamed)");
	vici_put_ike_sa(b, event->sa);
}

void vici_raise_updown(struct daemon *d, const struct ike_event *event)
{
	bool child = event->kind == IKE_EVENT_CHILD_UP || event->kind == IKE_EVENT_CHILD_DOWN;
	bool up = event->kind == IKE_EVENT_CHILD_UP || event->kind == IKE_EVENT_IKE_UP;
	const char *name = child ? "child-updown" : "ike-updown";
	struct vici_builder b = { 0 };

	if (!d->vici || !event->sa || event->rekey || event->kind == IKE_EVENT_FAILED || !vici_server_wants(d->vici, name))
		return;
	put_updown_ike(&b, event, up);
	if (child) {
		vici_begin_section(&b, "child-sas");
		vici_put_child_sa(&b, d, event->child);
		vici_end_section(&b);
	}
	vici_end_section(&b);
	vici_server_raise(d->vici, name, &b);
	vici_builder_free(&b);
}

/* The section has what was before. */
void vici_raise_update(struct daemon *d, const struct ike_event *event)
{
	const struct ike_sa_info *sa = event->sa;
	struct vici_builder b = { 0 };
	char text[ADDR_TEXT];

	if (!d->vici || !vici_server_wants(d->vici, "ike-update"))
		return;
	vici_put(&b, "local-host", addr_format(&event->local->addr, text));
	vici_putf(&b, "local-port", "%u", event->local->port);
	vici_put(&b, "remote-host", addr_format(&event->remote->addr, text));
	vici_putf(&b, "remote-port", "%u", event->remote->port);
	vici_begin_section(&b, sa->conn ? sa->conn->name : "(unnamed)");
	vici_put_ike_sa(&b, sa);
	vici_end_section(&b);
	vici_server_raise(d->vici, "ike-update", &b);
	vici_builder_free(&b);
}

/*
 * Every log line is kept, and goes to whoever asks; if it is about an IKE SA, with its name. What the vici server itself logs meanwhile goes to
 * stderr alone.
 */
void vici_raise_log(void *ctx, enum log_level level, const char *line)
{
	static bool busy;
	struct daemon *d = ctx;
	const struct ike_log *about = d->logging;
	struct vici_builder b = { 0 };

	vici_log_line(d->log, level, about, line);
	if (busy || !d->vici || level > LOG_LEVEL_INFO || !vici_server_wants(d->vici, "log"))
		return;
	busy = true;
	vici_put(&b, "group", "IKE");
	vici_putf(&b, "level", "%d", vici_log_level(level));
	vici_put(&b, "thread", "1");
	if (about && about->conn && about->uniqueid) {
		vici_put(&b, "ikesa-name", about->conn);
		vici_putf(&b, "ikesa-uniqueid", "%u", about->uniqueid);
	}
	vici_put(&b, "msg", line);
	vici_server_raise(d->vici, "log", &b);
	vici_builder_free(&b);
	busy = false;
}

/* ---- alerts ---- */

enum alert_about { IKE_FAILED, CHILD_FAILED, ANY_FAILED, IKE_DOWN, HALF_OPEN };

/* strongSwan's types, of those that a reason stands for. Other reasons are no alert to it either. */
static const struct alert {
	enum ike_reason reason;
	enum alert_about about;
	const char *type;
} alerts[] = {
	{ IKE_REASON_NO_ANSWER, IKE_FAILED, "peer-init-unreachable" },
	{ IKE_REASON_NO_ANSWER, HALF_OPEN, "half-open-timeout" },
	{ IKE_REASON_NO_ADDRESS, ANY_FAILED, "peer-addr-failed" },
	{ IKE_REASON_NO_PROPOSAL, IKE_FAILED, "proposal-mismatch-ike" },
	{ IKE_REASON_NO_PROPOSAL, CHILD_FAILED, "proposal-mismatch-child" },
	{ IKE_REASON_NO_SELECTORS, ANY_FAILED, "ts-mismatch" },
	{ IKE_REASON_NO_SECRET, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_IDENTITY, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_AUTHENTICATION, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_AUTH_METHOD, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_SIGNATURE, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_CERT_MISSING, ANY_FAILED, "peer-auth-failed" },
	{ IKE_REASON_NO_SIGNATURE, ANY_FAILED, "local-auth-failed" },
	{ IKE_REASON_CERT_UNTRUSTED, ANY_FAILED, "cert-untrusted-root" },
	{ IKE_REASON_CERT_EXPIRED, ANY_FAILED, "cert-expired" },
	{ IKE_REASON_CERT_REVOKED, ANY_FAILED, "cert-revoked" },
	{ IKE_REASON_CERT_UNSUITABLE, ANY_FAILED, "cert-validation-failed" },
	{ IKE_REASON_MALFORMED, ANY_FAILED, "parse-error-body" },
	{ IKE_REASON_DATAPLANE, ANY_FAILED, "install-child-sa-failed" },
	{ IKE_REASON_UNIQUE, ANY_FAILED, "unique-keep" },
	{ IKE_REASON_MALFORMED, IKE_DOWN, "parse-error-body" },
	{ IKE_REASON_PEER_DEAD, IKE_DOWN, "retransmit-send-timeout" },
	{ IKE_REASON_PEER_RESTARTED, IKE_DOWN, "unique-replace" },
	{ IKE_REASON_REPLACED, IKE_DOWN, "unique-replace" },
	{ IKE_REASON_EXPIRED, IKE_DOWN, "ike-sa-expired" },
};

static bool is_about(const struct ike_log *line, enum alert_about about)
{
	const bool failed = line->event == IKE_LOG_FAILED, child = line->child || line->remote_id;

	switch (about) {
	case IKE_FAILED:
		return failed && !child;
	case CHILD_FAILED:
		return failed && child;
	case ANY_FAILED:
		return failed;
	case IKE_DOWN:
		return line->event == IKE_LOG_IKE_DOWN;
	case HALF_OPEN:
		return line->event == IKE_LOG_NOTE && !line->remote_id;
	}
	return false;
}

const char *vici_alert_type(const struct ike_log *line)
{
	for (size_t i = 0; line->reason && i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].reason == line->reason && is_about(line, alerts[i].about))
			return alerts[i].type;
	return NULL;
}

static void put_alert_sa(void *ctx, const struct ike_sa_info *sa)
{
	struct vici_builder *b = ctx;

	vici_begin_section(b, "ike-sa");
	vici_begin_section(b, sa->conn ? sa->conn->name : "(unnamed)");
	vici_put_ike_sa(b, sa);
	vici_end_section(b);
	vici_end_section(b);
}

static void raise_alert(struct daemon *d, const char *type, uint32_t uniqueid)
{
	struct vici_builder b = { 0 };

	if (!d->vici || !type || !vici_server_wants(d->vici, "alert"))
		return;
	vici_put(&b, "type", type);
	if (uniqueid)
		engine_with_sa(d->engine, uniqueid, put_alert_sa, &b);
	vici_server_raise(d->vici, "alert", &b);
	vici_builder_free(&b);
}

void vici_raise_alert(struct daemon *d, const struct ike_log *line)
{
	raise_alert(d, vici_alert_type(line), line->uniqueid);
}

void vici_raise_shutdown(struct daemon *d)
{
	raise_alert(d, "shutdown-signal", 0);
}
