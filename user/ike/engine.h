/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKEv2 engine (RFC 7296): no sockets, no clock, no threads. It is given datagrams
 * and the time, and asked for datagrams and the time of its next deadline. Child SAs
 * leave through a sa_sink. Two engines joined in memory are a complete test of the
 * protocol; the daemon around one is a thin shell.
 *
 * Time is in microseconds of any monotonic clock (uint64_t now). An engine belongs
 * to one thread; callbacks must not call back into it, except engine_terminate* and
 * engine_initiate, which only queue work.
 */
#ifndef XSWAN_IKE_ENGINE_H
#define XSWAN_IKE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/dp_proto.h>
#include <xswan/drops.h>

#include "../lib/addr.h"
#include "../lib/log.h"
#include "bytes.h"
#include "config.h"
#include "reason.h"
#include "tally.h"

#define IKE_TIME_NEVER UINT64_MAX
#define IKE_DATAGRAM_MAX 16384 /* larger ones are refused before they are parsed */

/* 0: no limit. Time is in seconds from now on. */
struct child_limits {
	struct xswan_dp_limit bytes, packets, time;
};

/* A Child SA to be installed: both directions, since both are negotiated at once. */
struct child_install {
	const struct conf_conn *conn;
	const struct conf_child *child;
	const struct identity *remote_id; /* of the peer, as it authenticated */
	struct endpoint local, remote; /* outer addresses; ports matter with encap */
	bool encap; /* ESP in UDP */
	bool follow; /* the peer is behind a NAT, which may move it: tell engine_peer_moved */
	bool esn;
	bool transport; /* mode */
	bool no_tfc; /* whatever the child's configuration */
	bool initiator; /* of the exchange that made it; else the peer may not have it yet: see confirm */
	bool rekey; /* takes another's place within the same IKE SA */
	bool standby; /* nothing is to be sent with it: it is retired from the start */
	uint8_t alg; /* enum xswan_alg */
	struct child_limits limits; /* of each direction */
	uint32_t spi_in, spi_out; /* host order */
	uint32_t slot_in; /* as spi_alloc chose it */
	const uint8_t *key_in, *key_out; /* KEYMAT: user/lib/esp_alg.h; wiped by the engine after the call */
	size_t key_len; /* of each */
	const struct xswan_ts *local_ts, *remote_ts; /* narrowed */
	int local_ts_count, remote_ts_count;
};

/* Where the packets of a Child SA go and come from: both ends, or one direction of it. */
enum child_direction { CHILD_IN = 1 << 0, CHILD_OUT = 1 << 1 };
struct child_path {
	struct endpoint local, remote; /* in tunnel mode of any family, both of the same */
	bool encap, follow; /* as in struct child_install */
	unsigned int directions; /* CHILD_IN, CHILD_OUT, or both */
};

/*
 * Where Child SAs go. Order kept by the engine: inbound before outbound, and
 * inbound before the peer can know the SPI. Functions returning int: 0 or -errno.
 */
struct sa_sink {
	/* Reserves an inbound slot and SPI. */
	int (*spi_alloc)(void *ctx, uint32_t *spi);
	void (*spi_free)(void *ctx, uint32_t spi); /* reserved and never added */
	/* Installs both directions and points the child's tunnel at the outbound one. The
	 * returned id names the pair from then on; the spi is the sink's now, freed by remove.
	 * -EADDRINUSE: another peer has the tunnel; -EEXIST: this peer has, with other selectors. */
	int (*add)(void *ctx, const struct child_install *sa, uint64_t *id);
	void (*remove)(void *ctx, uint64_t id);
	/*
	 * What is sent goes out by the newest pair that the peer is known to have and that is not retired (RFC 7296
	 * section 2.8). As responder we know it once we are told here, or have received with it.
	 */
	void (*confirm)(void *ctx, uint64_t id);
	void (*retire)(void *ctx, uint64_t id); /* from now on it only receives, until it is removed */
	/* The same pair on another path; which one it has is not to be relied upon if that fails. */
	int (*move)(void *ctx, uint64_t id, const struct child_path *path);
	/* When the last packet was sent with it, by the engine's clock; 0: none yet. */
	uint64_t (*last_sent)(void *ctx, uint64_t id);
	/* Inbound and outbound figures, for status and liveness. */
	int (*query)(void *ctx, uint64_t id, struct xswan_sa_stat *in, struct xswan_sa_stat *out);
};

enum ike_sa_state { IKE_CONNECTING, IKE_ESTABLISHED, IKE_DELETING };
/* REKEYED: another has taken its place, and its DELETE is due; DELETED: it only receives what is under way */
enum child_state {
	CHILD_CREATED,
	CHILD_INSTALLED,
	CHILD_REKEYING,
	CHILD_REKEYED,
	CHILD_DELETING,
	CHILD_DELETED
};

struct child_info {
	const char *name;
	uint32_t uniqueid;
	uint64_t sink_id;
	enum child_state state;
	bool encap, esn, transport;
	uint8_t alg; /* enum xswan_alg */
	uint16_t ke; /* of its own key exchange; 0: none */
	uint32_t spi_in, spi_out;
	uint64_t installed_at;
	uint64_t rekey_at, life_at; /* by the clock alone; IKE_TIME_NEVER: not */
	const struct xswan_ts *local_ts, *remote_ts;
	int local_ts_count, remote_ts_count;
};

#define IKE_TASKS 8 /* of those that wait: more are not told */

struct ike_sa_info {
	const struct conf_conn *conn; /* NULL: responder that has not chosen one yet */
	uint32_t uniqueid;
	enum ike_sa_state state;
	bool initiator, nat_local, nat_remote, nat_fake;
	struct endpoint local, remote;
	uint64_t spi_i, spi_r;
	struct identity local_id, remote_id;
	uint16_t encr, encr_bits, integ, prf, ke; /* 0 before they are negotiated; integ: also for none */
	uint64_t established_at;
	uint64_t rekey_at, reauth_at; /* IKE_TIME_NEVER: not */
	const char *task; /* strongSwan's word for our exchange that is under way; NULL: none */
	const char *queued[IKE_TASKS]; /* and for those that wait for it */
	int queued_count;
	const struct child_info *children;
	int child_count;
};

enum ike_event_kind {
	IKE_EVENT_IKE_UP,
	IKE_EVENT_IKE_DOWN,
	IKE_EVENT_CHILD_UP,
	IKE_EVENT_CHILD_DOWN,
	IKE_EVENT_IKE_REKEYED, /* old_sa by sa, which has its Child SAs; no IKE_UP or IKE_DOWN comes of that */
	IKE_EVENT_CHILD_REKEYED, /* old_child by child */
	IKE_EVENT_IKE_MOVED, /* its path is from `local` to `remote` now; `sa` says which it was */
	IKE_EVENT_FAILED, /* an initiation ended without its SA; text says why */
};

struct ike_event {
	enum ike_event_kind kind;
	const struct ike_sa_info *sa, *old_sa; /* old_sa: IKE_REKEYED only */
	const struct child_info *child, *old_child; /* CHILD_* only */
	bool rekey; /* CHILD_UP, CHILD_DOWN: as part of a rekey, so the traffic goes on */
	const struct endpoint *local, *remote; /* IKE_MOVED only */
	const char *conn, *child_name; /* FAILED: what was being set up */
	const char *text; /* reason: one or more lines, fit for a person */
	enum ike_reason reason; /* *_DOWN and FAILED: the same for a program */
};

/* A line of the log, and what it is about as far as that is known. */
struct ike_log {
	enum log_level level;
	enum ike_log_event event;
	enum ike_reason reason;
	const char *conn, *child; /* NULL: none */
	uint32_t uniqueid, child_id; /* 0: none */
	const struct endpoint *local, *remote; /* NULL: none */
	const struct identity *remote_id; /* NULL: not authenticated */
	uint64_t spi_i, spi_r;
	uint32_t spi_in, spi_out; /* of the Child SA */
	const char *text; /* one line */
};

struct ike_keys;

struct engine_callbacks {
	void *ctx;
	void (*log)(void *ctx, const struct ike_log *line);
	void (*event)(void *ctx, const struct ike_event *event);
	/* From which address this host sends to `remote`, as its routes are now. -errno: from none. NULL: from any. */
	int (*route)(void *ctx, const struct addr *remote, struct addr *local);
	/* Seconds since 1970, for the validity of certificates: asked once for each peer that shows one. NULL: none is valid. */
	int64_t (*wall_clock)(void *ctx);
	/* Test builds only (compiled with XSWAN_KEYLOG): key material for a protocol analyser. */
	void (*keylog)(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct ike_keys *keys);
};

struct engine_settings { /* microseconds; 0 takes the default */
	uint64_t retransmit_base; /* first retransmission; default 1 s */
	unsigned int retransmit_growth; /* hundredths: each further wait is so much longer; default 180 */
	uint64_t retransmit_limit; /* of one wait; 0: none */
	unsigned int retransmit_jitter; /* percent at most that are off each wait; without settings 20 */
	unsigned int retransmit_tries; /* default 5 retransmissions, then the exchange is given up */
	uint64_t half_open_timeout; /* responder: from IKE_SA_INIT to IKE_AUTH; default 30 s */
	unsigned int half_open_max; /* default 4096, at most HALF_OPEN_MAX (half_open.h) */
	uint64_t keepalive; /* behind a NAT, when nothing else has been sent for so long; 0: never; without settings 20 s */
	unsigned int fragment_size; /* bytes of the IP datagrams that messages are cut to (RFC 7383); default 1280 */
	unsigned int cookie_threshold; /* half-open IKE SAs from which on a COOKIE is demanded; default 256, or half of
					  half_open_max if that is less */
};

struct engine;

struct engine *engine_new(const struct sa_sink *sink, void *sink_ctx, const struct engine_callbacks *cb,
			  const struct engine_settings *settings); /* copies all three; NULL: out of memory */
void engine_free(struct engine *e); /* sends nothing; removes its Child SAs from the sink */

/* Replaces the configuration. Existing SAs keep theirs, until engine_reconcile. Takes a reference. */
void engine_configure(struct engine *e, struct config *cfg);

/*
 * SAs that are up, or under way, follow today's configuration, each by the class of what has changed for it (config_diff.h):
 * nothing happens to it, its Child SAs are rekeyed, or it is deleted. `restart` is told of each child that goes down with
 * an SA and is configured still: what is to come up again is the caller's to initiate, after this call.
 */
struct engine_reconcile {
	bool end_removed; /* what is not configured any more is deleted; else it stays until it ends by itself */
	void (*restart)(void *ctx, const struct conf_conn *conn, const struct conf_child *child); /* of today's; NULL: nobody */
	void *ctx;
};
void engine_reconcile(struct engine *e, const struct engine_reconcile *how, uint64_t now);

/*
 * The addresses of this host that peers may reach it at. IKE SAs with MOBIKE (RFC 4555) move when theirs is not among
 * them, and peers are told of the others. Copied. Until the first call none is known to be missing.
 */
void engine_local_addresses(struct engine *e, const struct addr *list, int count, uint64_t now);

/* One IKE message, without the non-ESP marker. */
void engine_input(struct engine *e, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
		  size_t len, uint64_t now);

struct ike_datagram {
	struct endpoint local, remote; /* local.addr may be unset: the kernel chooses */
	const uint8_t *data; /* valid until the next call on this engine; no non-ESP marker */
	size_t len;
	bool keepalive; /* one byte, on port 4500, and no marker either (RFC 3948 section 2.3) */
};

/* Next datagram to send; false when there is none. On local port 4500 the caller adds the marker, but to keepalives. */
bool engine_output(struct engine *e, struct ike_datagram *out, uint64_t now);
uint64_t engine_next_deadline(const struct engine *e);
void engine_timeout(struct engine *e, uint64_t now);

/*
 * Brings up one child of a connection, on the IKE SA that is there or on a new one, or reports -EALREADY when it is up.
 * The result comes as an event. `local`: address to use, or NULL.
 */
int engine_initiate(struct engine *e, const char *conn, const char *child, const struct endpoint *local, uint64_t now);
/* The same to one of the connection's remote_addrs, instead of the first that is not %any. */
int engine_initiate_to(struct engine *e, const char *conn, const char *child, const struct endpoint *local,
		       const struct addr *remote, uint64_t now);
/* Deletes IKE SAs by connection name, or by uniqueid when conn is NULL; returns how many. */
int engine_terminate_ike(struct engine *e, const char *conn, uint32_t uniqueid, uint64_t now);
/* Ends one at once: a DELETE goes out, if no exchange is under way, and no answer is waited for. Not from a callback. */
void engine_destroy_ike(struct engine *e, uint32_t uniqueid, uint64_t now);
/* The same for Child SAs, by child name (in any connection when conn is NULL) or uniqueid. */
int engine_terminate_child(struct engine *e, const char *conn, const char *child, uint32_t uniqueid, uint64_t now);

/* Negotiates a successor for Child SAs, by child name (in any connection when conn is NULL) or uniqueid: how many. */
int engine_rekey_child(struct engine *e, const char *conn, const char *child, uint32_t uniqueid, uint64_t now);
/* The same for IKE SAs, by connection name or by uniqueid when conn is NULL. reauth: authenticating anew. */
int engine_rekey_ike(struct engine *e, const char *conn, uint32_t uniqueid, bool reauth, uint64_t now);

/*
 * A Child SA of the sink has reached a limit of its life, called `limit`. Soft: it is rekeyed; hard: it is deleted. An id
 * that the engine does not know is an SA that has gone meanwhile.
 */
void engine_expire(struct engine *e, uint64_t sink_id, bool hard, const char *limit, uint64_t now);

/*
 * ESP of this Child SA, which authenticated and is newer than all before, came from another place than its peer's, as
 * the sink has it. Followed if that is also where we believe the peer to be; else the sink is told again.
 */
void engine_peer_moved(struct engine *e, uint64_t sink_id, const struct endpoint *from, const struct endpoint *to,
		       uint64_t now);

/*
 * ESP came from there for an SPI (host order) that no SA of the sink has; port 0: not in UDP. The peer is told, if it has an
 * IKE SA with us and the SPI did not end just now.
 */
void engine_unknown_spi(struct engine *e, const struct endpoint *from, uint32_t spi, uint64_t now);

/* ESP of this Child SA authenticated and held a packet, which begins like this, outside its selectors. The peer is told. */
void engine_stray_packet(struct engine *e, uint64_t sink_id, struct span packet, uint64_t now);

void engine_foreach_sa(const struct engine *e, void (*fn)(void *ctx, const struct ike_sa_info *sa), void *ctx);
/*
 * The same in portions: the uniqueids of all there are now, or of a connection's, highest first, and then each by its own, if
 * it is still there. NULL: out of memory; else to be freed by the caller.
 */
uint32_t *engine_list_sas(const struct engine *e, const char *conn, size_t *count);
void engine_with_sa(const struct engine *e, uint32_t uniqueid, void (*fn)(void *ctx, const struct ike_sa_info *sa),
		    void *ctx);
const uint64_t *engine_counters(const struct engine *e); /* indexed by enum xswan_ike_counter */
struct tallies *engine_tallies(struct engine *e); /* tally.h: messages for each connection */

#endif
