/* SPDX-License-Identifier: Apache-2.0 */
/* TS payloads and narrowing (RFC 7296 sections 2.9 and 3.13). */
#ifndef XSWAN_IKE_NARROW_H
#define XSWAN_IKE_NARROW_H

#include "bytes.h"
#include "config.h"

struct ts_list {
	int count;
	struct xswan_ts ts[CONF_TS];
};

#define TS_RECEIVED_MAX 64 /* selectors beyond these in one payload are not looked at: narrowed away */

struct ts_received {
	int count;
	struct xswan_ts ts[TS_RECEIVED_MAX];
};

/* Of a checked payload body. Selectors of other types and OPAQUE ports are left out: they match nothing here. */
void ts_payload_parse(struct ts_received *out, struct span body);
void ts_payload_write(struct writer *w, const struct ts_list *list);

/* What both have, the received ones' order first; -ENOENT when that is nothing. */
int ts_narrow(struct ts_list *out, const struct ts_received *received, const struct ts_list *configured)
	__attribute__((warn_unused_result));

/* For an initiator: the answer is not empty, fits, and lies within what was asked for. */
bool ts_is_subset(const struct ts_received *answer, const struct ts_list *asked);

/* The configured selectors, or the address itself where they are "dynamic". */
void ts_list_configured(struct ts_list *out, const struct xswan_ts *ts, int count, const struct addr *dynamic);

const char *ts_list_format(const struct xswan_ts *ts, int count, char *buf, size_t size);

#endif
