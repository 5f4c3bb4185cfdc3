/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xswan-ike -> xswan-dp over the SOCK_SEQPACKET socket /run/xswan/<instance>/dp.
 *
 * One request per record, one reply per request, in order; all fields in host
 * byte order unless named __be. This is the only way a key ever travels (back, only as GET_KEY says). Both
 * ends wipe their copy of a record that held one. xswan-dp checks every length
 * and range and answers -errno in `error` with a sentence in `text`; a record it
 * cannot parse at all ends the connection.
 *
 * SAs live in xswan-dp until removed; the end of a connection removes nothing,
 * so a restart of xswan-ike interrupts no traffic. After a restart of xswan-dp
 * (a new `epoch`) the controller adds its SAs again, with the same uid: the
 * outbound sequence number then goes on from the pinned counter plus a safe jump.
 * A controller that has been restarted, too, has no SAs to add; `sa_count` tells it
 * whether those that the maps still speak of carry anything.
 *
 * xswan-dp speaks first in three cases: an SA has reached a limit of its life (struct xswan_dp_expired), its peer has
 * moved (struct xswan_dp_moved), or sends what the SA is not for (struct xswan_dp_stray). Such a record goes to the controller that said HELLO last, and may come between a request
 * and its reply. After each HELLO all SAs that have reached a limit are reported, again if need be.
 *
 * A peer behind a NAT may appear at another address or port (RFC 7296 section 2.23). Of an inbound SA with
 * XSWAN_SA_FOLLOW, where the newest packet that authenticated came from is reported, at most once a second; nothing
 * follows before the controller has changed its maps and sent SA_MOVE for both directions.
 *
 * If `stat_map_id` is not the map that the SA was first added with, its counter
 * is lost and the SA must not be added again (a nonce would repeat).
 */
#ifndef XSWAN_DP_PROTO_H
#define XSWAN_DP_PROTO_H

#include <xswan/maps.h>

#define XSWAN_DP_VERSION 7u
#define XSWAN_DP_KEY_MAX 104u /* 100 are needed, by AES-CTR 256 with HMAC-SHA2-512 */
#define XSWAN_DP_TS_MAX 16u
#define XSWAN_DUMMY_MAX 10000u
#define XSWAN_DP_TEXT_MAX 128u
#define XSWAN_DP_STRAY_MAX 64u /* IPv6 and TCP headers are 60 */
#define XSWAN_REPLAY_MIN 32u /* RFC 4303 section 3.4.3: what every receiver must support */
#define XSWAN_REPLAY_MAX 65536u

enum xswan_dp_op {
	XSWAN_DP_HELLO = 1, /* struct xswan_dp_hello */
	XSWAN_DP_SA_ADD, /* struct xswan_dp_sa_add */
	XSWAN_DP_SA_REMOVE, /* struct xswan_dp_sa_remove */
	XSWAN_DP_EXPIRED, /* struct xswan_dp_expired: from xswan-dp, without a request */
	XSWAN_DP_MOVED, /* struct xswan_dp_moved: the same */
	XSWAN_DP_SA_MOVE, /* struct xswan_dp_sa_move */
	XSWAN_DP_STRAY, /* struct xswan_dp_stray: from xswan-dp, without a request */
	XSWAN_DP_GET_MAPS, /* struct xswan_dp_get_maps; descriptors come with the reply */
	XSWAN_DP_CAPTURE, /* struct xswan_dp_capture: root's, not the controller's; a descriptor comes with the reply */
	XSWAN_DP_GET_KEY, /* struct xswan_dp_get_key: of one who captures, and asked for keys with it */
};

enum xswan_dp_dir {
	XSWAN_DP_IN = 1,
	XSWAN_DP_OUT,
};

struct xswan_dp_header {
	__u32 op; /* enum xswan_dp_op; a reply repeats it */
	__u32 id; /* chosen by the sender, repeated in the reply */
};

struct xswan_dp_hello {
	struct xswan_dp_header h;
	__u32 version; /* XSWAN_DP_VERSION of the sender */
	__u32 reserved;
};

/*
 * The maps that a controller needs, as SCM_RIGHTS with the reply, in this order. So it needs no permission in the bpf
 * file system, and what it gets are the maps that this xswan-dp uses. X(enum suffix, name of the map)
 */
#define XSWAN_DP_MAP_LIST(X) \
	X(SA_IN, sa_in) \
	X(SA_OUT, sa_out) \
	X(SA_IN_STAT, sa_in_stat) \
	X(SA_OUT_STAT, sa_out_stat) \
	X(TUNNEL, tunnel) \
	X(DROPS_IKE, drops_ike) \
	X(SELECTOR, selector) \
	X(RULES, rules) \
	X(POLICY_STATE, policy_state) \
	X(EVENTS, events) \
	X(IKE_PEERS, ike_peers)

enum xswan_dp_map {
#define X(id, name) XSWAN_DP_MAP_##id,
	XSWAN_DP_MAP_LIST(X)
#undef X
	XSWAN_DP_MAP_COUNT
};

struct xswan_dp_get_maps {
	struct xswan_dp_header h;
};

/* Copies of inner packets (include/xswan/capture.h) until this connection ends. One at a time. */
struct xswan_dp_capture {
	struct xswan_dp_header h;
	__u32 snaplen; /* bytes of each packet; 0: all */
	__u32 keys; /* 1: GET_KEY will follow; refused unless the operator has allowed it (dataplane.capture_keys) */
};

/* The one way back of a key. The answer is struct xswan_dp_key, or, with an error, the reply in it alone. */
struct xswan_dp_get_key {
	struct xswan_dp_header h;
	__u32 dir;
	__u32 slot;
	__u64 uid;
};

/* Traffic selector (RFC 7296 section 3.13.1); ports in host order. */
struct xswan_ts {
	__u8 family; /* 4 or 6 */
	__u8 proto; /* 0: any */
	__u16 port_min, port_max;
	__u16 reserved;
	__u8 addr_min[16], addr_max[16]; /* network order; IPv4 takes the first 4 */
};

/* Of an SA's life: which one it has reached. X(enum suffix, name for people and logs) */
#define XSWAN_DP_LIMITS(X) \
	X(NONE, "none") \
	X(BYTES, "bytes") \
	X(PACKETS, "packets") \
	X(TIME, "time") \
	X(SEQUENCE, "sequence numbers") \
	X(CIPHER, "what the cipher may carry with one key")

enum xswan_dp_limit_kind {
#define X(id, name) XSWAN_DP_LIMIT_##id,
	XSWAN_DP_LIMITS(X)
#undef X
	XSWAN_DP_LIMIT_COUNT
};

/* Soft: the controller is told, hard: it is told, and the SA carries nothing any more. 0: none. */
struct xswan_dp_limit {
	__u64 soft, hard;
};

struct xswan_dp_sa_add {
	struct xswan_dp_header h;
	__u32 dir; /* enum xswan_dp_dir */
	__u32 slot; /* inbound: XSWAN_SPI_SLOT(spi) */
	struct xswan_sa sa;
	__u32 key_len; /* as KEYMAT gives them: cipher key, salt, integrity key (user/lib/esp_alg.h) */
	__u32 local_ts_count, remote_ts_count;
	__u32 replay_window; /* in packets, XSWAN_REPLAY_MIN to XSWAN_REPLAY_MAX; inbound only */
	__u32 dummy_rate; /* packets per second, dummies where there are not enough others; up to XSWAN_DUMMY_MAX; outbound only */
	__u32 reserved;
	struct xswan_dp_limit bytes, packets; /* of inner packets; what the SA carried before a restart counts */
	struct xswan_dp_limit time; /* CLOCK_BOOTTIME, seconds: when, not how long */
	__u8 key[XSWAN_DP_KEY_MAX];
	struct xswan_ts local_ts[XSWAN_DP_TS_MAX];
	struct xswan_ts remote_ts[XSWAN_DP_TS_MAX];
};

struct xswan_dp_sa_remove {
	struct xswan_dp_header h;
	__u32 dir;
	__u32 slot;
	__u64 uid; /* removes only the SA that still has it */
};

struct xswan_dp_expired {
	struct xswan_dp_header h; /* id 0 */
	__u64 uid;
	__u32 dir;
	__u32 slot;
	__u32 limit; /* enum xswan_dp_limit_kind */
	__u32 hard; /* 0: soft, 1: hard */
};

/* Addresses and ports as on the wire, network order; IPv4 takes the first 4 bytes. */
struct xswan_dp_moved {
	struct xswan_dp_header h; /* id 0 */
	__u64 uid;
	__u32 slot; /* inbound */
	__u8 from_addr[16], to_addr[16]; /* where the SA's peer is, and where its newest packet came from */
	__be16 from_port, to_port;
	__u32 family; /* of both: 4 or 6 */
	__u32 reserved;
};

/* A packet that authenticated and is not within the selectors (RFC 4301 section 5.2): one a second of each SA at most. */
struct xswan_dp_stray {
	struct xswan_dp_header h; /* id 0 */
	__u64 uid;
	__u32 slot; /* inbound */
	__u32 len; /* of `packet` */
	__u8 packet[XSWAN_DP_STRAY_MAX]; /* how it begins: its IP header, and what comes next */
};

/*
 * Another path for an SA that goes on, with its key, its numbers and all else: addresses, ports, whether ESP is in UDP
 * and the peer followed. In tunnel mode even the family of its outer header may be another.
 */
struct xswan_dp_sa_move {
	struct xswan_dp_header h;
	__u32 dir;
	__u32 slot;
	__u64 uid;
	__u8 src[16], dst[16];
	__be16 sport, dport; /* 0 without encapsulation */
	__u8 family; /* 4 or 6 */
	__u8 flags; /* those of XSWAN_SA_PATH_FLAGS */
	__u16 reserved;
};

struct xswan_dp_reply {
	struct xswan_dp_header h;
	__s32 error; /* 0 or -errno */
	__u32 version;
	__u64 epoch; /* random, one per start of xswan-dp */
	__u32 stat_map_id; /* kernel id of sa_out_stat */
	__u32 sa_count; /* SAs that xswan-dp holds, inbound and outbound each; 0 after it has started */
	char text[XSWAN_DP_TEXT_MAX]; /* what was wrong; empty without error */
};

struct xswan_dp_key {
	struct xswan_dp_reply reply;
	__u32 alg; /* enum xswan_alg */
	__u32 len;
	__u8 key[XSWAN_DP_KEY_MAX]; /* as in xswan_dp_sa_add */
};

XSWAN_ASSERT_SIZE(struct xswan_dp_hello, 16);
XSWAN_ASSERT_SIZE(struct xswan_dp_capture, 16);
XSWAN_ASSERT_SIZE(struct xswan_ts, 40);
XSWAN_ASSERT_SIZE(struct xswan_dp_sa_add, 1536);
XSWAN_ASSERT_SIZE(struct xswan_dp_sa_remove, 24);
XSWAN_ASSERT_SIZE(struct xswan_dp_expired, 32);
XSWAN_ASSERT_SIZE(struct xswan_dp_moved, 64);
XSWAN_ASSERT_SIZE(struct xswan_dp_stray, 88);
XSWAN_ASSERT_SIZE(struct xswan_dp_sa_move, 64);
XSWAN_ASSERT_SIZE(struct xswan_dp_reply, 160);
XSWAN_ASSERT_SIZE(struct xswan_dp_get_key, 24);
XSWAN_ASSERT_SIZE(struct xswan_dp_key, 272);

#endif
