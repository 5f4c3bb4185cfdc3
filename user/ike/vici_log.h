/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xswan-log, our own command: the log as far back as it is kept (log_ring.h), and with "follow" what comes after it, without
 * a gap. A line is an event "xswan-log" to the client that asked. Unlike strongSwan's event "log" it has the time, our
 * levels, and the connection also where there is no IKE SA.
 *
 *   conn = NAME      of this connection alone
 *   level = WORD     as important as this, or more; without it info. Debugging is there when it is followed, or logged
 *   since = TIME     microseconds since 1970
 *   lines = NUMBER   the last so many; without it all
 *   follow = yes     the reply comes when the daemon ends
 */
#ifndef XSWAN_IKE_VICI_LOG_H
#define XSWAN_IKE_VICI_LOG_H

#include "../lib/log.h"
#include "../vici/server.h"

struct vici_log;
struct daemon;
struct ike_log;

struct vici_log *vici_log_new(void); /* NULL: out of memory */
void vici_log_free(struct vici_log *log); /* ends what follows it */
/* about: what it is about, or NULL */
void vici_log_line(struct vici_log *log, enum log_level level, const struct ike_log *about, const char *text);
enum vici_verdict vici_log_ask(void *daemon, struct vici_request *req, const struct vici_message *msg,
			       struct vici_builder *reply);

#endif
