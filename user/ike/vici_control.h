/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vici's initiate and terminate: requests whose answer is an event of the engine. Until then they
 * wait here, and their clients see the engine's log lines of that connection as control-log.
 *
 *   vici_control.c    those that wait: what ends them, and what they are told meanwhile
 *   vici_initiate.c   what begins them: initiate and xswan-restart
 *   vici_terminate.c  and terminate
 */
#ifndef XSWAN_IKE_VICI_CONTROL_H
#define XSWAN_IKE_VICI_CONTROL_H

#include "../lib/log.h"
#include "../vici/server.h"
#include "engine.h"

struct vici_control;
struct daemon;

struct vici_control *vici_control_new(struct daemon *d); /* NULL: out of memory */
void vici_control_free(struct vici_control *control); /* ends what waits */

enum vici_verdict vici_control_initiate(void *daemon, struct vici_request *req, const struct vici_message *msg,
					struct vici_builder *reply);
/* Ends what is up of a connection, or of one of its children, and begins it anew: its own command, not strongSwan's. */
enum vici_verdict vici_control_restart(void *daemon, struct vici_request *req, const struct vici_message *msg,
				       struct vici_builder *reply);
enum vici_verdict vici_control_terminate(void *daemon, struct vici_request *req, const struct vici_message *msg,
					 struct vici_builder *reply);

void vici_control_event(struct vici_control *control, const struct ike_event *event);
int vici_log_level(enum log_level level); /* strongSwan's: 0 audit, 1 control, 2 more control */
void vici_control_log(struct vici_control *control, enum log_level level, const char *conn, uint32_t uniqueid,
		      const char *line);

#endif
