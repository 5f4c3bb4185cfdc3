/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking vici client, for the command line and the exporter. One command at a time; after
 * an error other than -EOPNOTSUPP the connection is out of step and has to be closed.
 */
#ifndef XSWAN_VICI_CLIENT_H
#define XSWAN_VICI_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define VICI_CLIENT_TIMEOUT 10000 /* milliseconds */

struct vici_client {
	int fd;
	int timeout; /* milliseconds that the daemon may be silent within a command; 0: any time */
	void (*idle)(void *ctx); /* NULL, or called some times a second while it is silent */
	void *idle_ctx;
	uint8_t *packet; /* the last one received */
	size_t cap;
	uint8_t *ahead; /* received, and not yet taken: what is at ahead_at, ahead_len bytes */
	size_t ahead_at, ahead_len;
	char error[2048]; /* a sentence about the last failure */
};

/*
 * Connects to `path`. `instance` is for the message alone: a daemon that is not there is
 * -ENOENT or -ECONNREFUSED, and `error` says which and how to start it. `timeout` becomes the client's, and
 * limits the connecting, too: a daemon that is stopped accepts nobody.
 */
int vici_client_open(struct vici_client *c, const char *instance, const char *path, int timeout)
	__attribute__((warn_unused_result));
void vici_client_close(struct vici_client *c);

typedef void (*vici_event_fn)(void *ctx, const struct vici_message *msg);

/*
 * Runs a command to its response. `event` (NULL: none) is registered for while it runs and each
 * occurrence given to fn. `args` may be NULL. `reply` is valid until the next call.
 * 0; -EOPNOTSUPP when the daemon does not know the command or event; -ETIMEDOUT; or -errno.
 */
int vici_client_request(struct vici_client *c, const char *command, const struct vici_builder *args, const char *event,
			vici_event_fn fn, void *ctx, struct vici_message *reply) __attribute__((warn_unused_result));

/* 0, or -EREMOTEIO and errmsg in c->error when the reply says success = no. */
int vici_client_check(struct vici_client *c, const struct vici_message *reply) __attribute__((warn_unused_result));

#endif
