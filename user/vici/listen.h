/* SPDX-License-Identifier: Apache-2.0 */
/* A listening UNIX socket that only root (its owner) may connect to, and that leaves nothing behind. */
#ifndef XSWAN_VICI_LISTEN_H
#define XSWAN_VICI_LISTEN_H

#include <sys/types.h>
#include <sys/un.h>

struct vici_listener {
	int fd; /* nonblocking; -1: not listening */
	struct sockaddr_un address;
	dev_t dev; /* of the socket file that we made */
	ino_t ino;
};

/* 0, -EADDRINUSE when another process listens on path, or -errno; said in the log. */
int vici_listen(struct vici_listener *l, const char *path) __attribute__((warn_unused_result));
void vici_listener_close(struct vici_listener *l); /* removes the file if it is still ours */

#endif
