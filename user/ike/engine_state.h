/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside an engine. Only the engine's own files include this. */
#ifndef XSWAN_IKE_ENGINE_STATE_H
#define XSWAN_IKE_ENGINE_STATE_H

#include <stdarg.h>

#include "../lib/table.h"
#include "cookie.h"
#include "engine.h"
#include "half_open.h"
#include "ike_message.h"
#include "impair.h"
#include "reassembly.h"
#include "refusal.h"
#include "tally.h"
#include "timers.h"
#include "unknown_spi.h"

#define IKE_TEXT 1920 /* an explanation, or a line of log */

struct ike_sa;

struct addr_list {
	struct addr *list;
	int count;
};

/* A datagram on its way out. */
struct queued_datagram {
	struct queued_datagram *next;
	struct endpoint local, remote;
	bool keepalive;
	size_t len;
	uint8_t data[];
};

/* The datagram being served just now. */
struct received {
	struct endpoint local, remote;
	struct span datagram;
	struct ike_header header;
};

/* Where IKE SAs and their Child SAs are found (ike_sa_index.h, child.h). */
struct sa_index {
	struct table by_id, by_conn, by_peer, by_addr;
	struct table children, sink_ids;
	struct table held; /* IKE SAs whose IKE_AUTH waits, by whom they wait for */
};

struct engine {
	struct sa_sink sink;
	void *sink_ctx;
	struct engine_callbacks cb;
	struct engine_settings settings;
	struct config *cfg;
	struct addr_list locals; /* of this host */

	struct ike_sa *sas; /* newest first */
	size_t sa_count;
	struct table by_spi; /* our SPI */
	struct table by_init; /* responder: the initiator's SPI, for repeated IKE_SA_INIT requests */
	struct sa_index index;
	struct timers timers;
	struct half_open half_open;
	struct cookies cookies;
	uint32_t last_ike_id, last_child_id;

	uint64_t now; /* of the call being served */
	struct received rx;
	struct queued_datagram *out, **out_end;
	struct queued_datagram *handed_out; /* by the last engine_output */

	struct partials unproven;
	struct refusals refusals;
	struct budget budget; /* for what anybody can make us log or answer */
	struct ended_spis ended_spis;
	uint64_t rng;
	uint64_t counters[XSWAN_IKE_COUNTER_COUNT];
	struct tallies tallies;
	struct child_info *child_infos; /* scratch for struct ike_sa_info */
	size_t child_infos_size;
	uint8_t plain[IKE_DATAGRAM_MAX]; /* the opened SK payload of rx */
#ifdef XSWAN_IMPAIR
	struct impairments impairments;
#endif
};

static inline void engine_count(struct engine *e, enum xswan_ike_counter counter)
{
	e->counters[counter]++;
}

uint64_t engine_random(struct engine *e); /* jitter; nothing that must not be guessed */
/* Queues a copy. Without memory the datagram is lost, as any datagram may be. */
void engine_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote, struct span data);
#ifdef XSWAN_IMPAIR
void engine_send_unimpaired(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
			    struct span data);
#endif
void engine_send_keepalive(struct engine *e, const struct endpoint *local, const struct endpoint *remote);
/* About the datagram being served, of no IKE SA. conn: NULL if that is not known either. */
void engine_log(struct engine *e, enum log_level level, const char *conn, enum ike_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void engine_log_line(struct engine *e, const struct ike_log *about, const char *fmt, va_list args);

#endif
