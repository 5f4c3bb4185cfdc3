/* SPDX-License-Identifier: Apache-2.0 */
/* A request of vici_initiate.c or vici_terminate.c while it waits for the engine; vici_control.c has them all. */
#ifndef XSWAN_IKE_VICI_WAITING_H
#define XSWAN_IKE_VICI_WAITING_H

#include "vici_control.h"
#include "vici_select.h"

#define VICI_NO_WAIT (-1)

enum waiting_kind { WAIT_UP, WAIT_DOWN };

struct waiting {
	struct waiting *next;
	struct vici_control *control;
	struct vici_request *req;
	enum waiting_kind kind;
	int64_t timeout; /* ms; 0: none, VICI_NO_WAIT: the answer comes at once */
	int64_t loglevel; /* -1: no control-log */
	bool force; /* WAIT_DOWN: what is left when the time is up ends without the peer's answer */
	struct vici_selector about; /* WAIT_UP: its ike is set, its child may be empty */
	struct vici_ids ids; /* WAIT_DOWN: whose end was begun by this request; 0: it has come */
	int left, matches; /* of them, to come; WAIT_UP: children that are not up yet */
	bool beginning; /* WAIT_DOWN: ends are begun, and some may have come, but who waits is not answered yet */
};

struct waiting *waiting_new(enum waiting_kind kind, const struct vici_message *msg); /* NULL: out of memory */
void waiting_free(struct waiting *w); /* one that does not wait; or NULL */
/* From here on the waiting may end at any event, which frees it; one that is beginning not before waiting_begun(). */
void waiting_begin(struct vici_control *control, struct waiting *w, struct vici_request *req);
void waiting_begun(struct waiting *w);

#endif
