/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vici server on a UNIX socket, in one libevent loop. It knows framing, clients and
 * events, and nothing of IKE: commands are a table of handlers.
 *
 * A handler may
 *   - answer at once: fill `reply`, return VICI_REPLY;
 *   - stream first: vici_request_event() as often as it likes, then as above (list-sas, list-conns);
 *   - answer later: keep `req`, return VICI_LATER, and call vici_request_finish() exactly once
 *     (initiate, terminate), even before the handler returns. A request outlives its client and
 *     the server; it is then dead, and writing to it does nothing. `msg` and `reply` end with the handler.
 *
 *	static enum vici_verdict on_version(void *ctx, struct vici_request *req,
 *					    const struct vici_message *msg, struct vici_builder *reply)
 *	{
 *		vici_put(reply, "daemon", "xswan-ike");
 *		return VICI_REPLY;
 *	}
 *
 * A client has one command running at a time; what it sends meanwhile waits. Clients cannot
 * hurt each other: output is queued per client, and one that does not read, or sends what
 * does not parse, is disconnected with a line in the log.
 */
#ifndef XSWAN_VICI_SERVER_H
#define XSWAN_VICI_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "message.h"

#define VICI_CLIENTS_MAX 128
/* Unread output that a client may let pile up: of events it subscribed to, and in all. */
#define VICI_EVENT_QUEUE_MAX (1u << 20)
#define VICI_QUEUE_MAX (64u << 20)
#define VICI_PATIENCE 300000 /* ms that it may take nothing of what waits for it: a pager may stop it for a while */

struct vici_server;
struct vici_request;

enum vici_verdict { VICI_REPLY, VICI_LATER };

typedef enum vici_verdict (*vici_handler)(void *ctx, struct vici_request *req, const struct vici_message *msg,
					  struct vici_builder *reply);

struct vici_command {
	const char *name; /* NULL ends the table */
	vici_handler handler;
};

/*
 * Listens on `path` with mode 0600. A socket left there by a dead process is replaced; -EADDRINUSE
 * when somebody listens on it. `events` names what clients may register for, NULL-terminated.
 * Tables and base are the caller's and must outlive the server. Ignores SIGPIPE, for a client may
 * leave at any time. 0 or -errno, said in the log.
 */
int vici_server_new(struct vici_server **server, struct event_base *base, const char *path,
		    const struct vici_command *commands, const char *const *events, void *ctx);
void vici_server_free(struct vici_server *server); /* not from a handler; flushes nothing; removes the socket */

void vici_server_set_patience(struct vici_server *server, unsigned int ms); /* with clients that come from now on */

/* Sends an event to every client registered for it. `b` stays the caller's; a broken one is logged and not sent. */
void vici_server_raise(struct vici_server *server, const char *event, const struct vici_builder *b);
/* Is anybody registered? Saves building what nobody reads (log). */
bool vici_server_wants(const struct vici_server *server, const char *event);
unsigned int vici_server_clients(const struct vici_server *server);

const char *vici_request_command(const struct vici_request *req); /* its name in the table */
/* An event to this request's client alone, when it registered for it (clients do before list-sas, initiate …). */
void vici_request_event(struct vici_request *req, const char *event, const struct vici_builder *b);
/* The same, with the room of what clients merely subscribe to: for what goes on without an end. */
void vici_request_tell(struct vici_request *req, const char *event, const struct vici_builder *b);
/* Ends a VICI_LATER request and frees it; an unfinished one holds its client up. reply NULL: an empty one. */
void vici_request_finish(struct vici_request *req, const struct vici_builder *reply);
bool vici_request_alive(const struct vici_request *req); /* false once the client has left */
/*
 * Calls fn once when the request is neither finished nor dead after ms milliseconds; 0 takes the
 * timeout off. fn has to finish the request itself (now or later).
 */
int vici_request_set_timeout(struct vici_request *req, uint32_t ms, void (*fn)(void *arg, struct vici_request *req),
			     void *arg);
/*
 * Calls fn, from the event loop or from vici_server_free(), when the client leaves first, so that
 * the owner can forget the request: fn must finish it.
 */
void vici_request_on_gone(struct vici_request *req, void (*fn)(void *arg, struct vici_request *req), void *arg);

#endif
