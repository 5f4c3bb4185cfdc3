/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * The SA database as BPF maps, pinned under /sys/fs/bpf/xswan/<instance>/.
 *
 * Included by the BPF programs, both daemons, the command line and the exporter,
 * so only <linux/types.h> types appear here (BPF objects include vmlinux.h
 * first). Fields named __be are in network byte order, all others in host order.
 *
 *   map          kind                   key                     value                  writer
 *   sa_in        array, mmapable        slot                    struct xswan_sa        xswan-ike
 *   sa_out       array, mmapable        slot                    struct xswan_sa        xswan-ike
 *   sa_in_stat   array, mmapable        slot                    struct xswan_sa_stat   xswan-dp
 *   sa_out_stat  array, mmapable        slot                    struct xswan_sa_stat   xswan-dp
 *   sa_in_drops  array, mmapable        slot                    struct xswan_sa_drops  xswan-dp, BPF
 *   sa_out_drops array, mmapable        slot                    struct xswan_sa_drops  xswan-dp
 *   tunnel       array, mmapable        tunnel number           struct xswan_tunnel    xswan-ike
 *   selector     LPM trie               xswan_selector_key      struct xswan_selector  xswan-ike
 *   rules        LPM trie               struct xswan_rules_key  struct xswan_rules     xswan-ike
 *   policy_state array                  0                       struct xswan_policy_state  xswan-ike
 *   ports        hash                   ifindex                 struct xswan_port      xswan-dp
 *   locals       hash                   struct xswan_local      __u8                   xswan-dp
 *   local_bits   array                  0                       struct xswan_local_bits  xswan-dp
 *   xsks         XSKMAP                 xsk_base + rx queue     AF_XDP socket          xswan-dp
 *   vnet         devmap hash, no pin    ifindex                 ifindex                xswan-dp
 *   drops        per-CPU array          enum xswan_drop         __u64                  BPF
 *   drops_dp     array, mmapable        worker * 64 + reason    __u64                  xswan-dp
 *   drops_ike    array, mmapable        enum xswan_ike_counter  __u64                  xswan-ike
 *   events       ring buffer            -                       struct xswan_event     BPF
 *   flood        array of one           0                       struct xswan_flood     xswan-dp
 *   ike_peers    LRU hash               struct xswan_local      __u64, 0 at first      xswan-ike; BPF the value
 *
 * Order of writes: a key reaches xswan-dp before a map points at its SA, and the
 * pointer goes before the key does. No map ever holds a key.
 */
#ifndef XSWAN_MAPS_H
#define XSWAN_MAPS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include <xswan/drops.h>

#define XSWAN_SA_SLOTS 131072u /* power of two; slot 0 is never used */
#define XSWAN_TUNNELS 131072u /* tunnel number 0 is never used */
#define XSWAN_SELECTORS 131072u /* destination prefixes, and pairs of destination and source */
#define XSWAN_SELECTOR_ENTRIES (2u * XSWAN_SELECTORS) /* room in the maps: the old ones and the new, while they change */
#define XSWAN_PORTS 64u
#define XSWAN_LOCALS 4096u /* addresses of this host */
#define XSWAN_QUEUES 64u /* per port; xsk_base is a multiple of this */
#define XSWAN_WORKERS 64u
#define XSWAN_NAME_LEN 64u

/*
 * Inbound SPIs are ours to choose: the low bits are the slot, the high bits are
 * random and never all zero, which also keeps clear of the reserved 0-255
 * (RFC 4303 section 2.1). Host byte order here.
 */
#define XSWAN_SPI_SLOT(spi) ((spi) & (XSWAN_SA_SLOTS - 1))

/* ESP suites, cipher and integrity together: user/lib/esp_alg.h has the facts. The key never appears here. */
enum xswan_alg {
	XSWAN_ALG_NONE,
	XSWAN_ALG_AES_GCM_16_128,
	XSWAN_ALG_AES_GCM_16_256,
	XSWAN_ALG_AES_GCM_16_192,
	XSWAN_ALG_CHACHA20_POLY1305,
	XSWAN_ALG_AES_GMAC_128,
	XSWAN_ALG_AES_GMAC_192,
	XSWAN_ALG_AES_GMAC_256,
	XSWAN_ALG_AES_CBC_128_SHA2_256,
	XSWAN_ALG_AES_CBC_128_SHA2_384,
	XSWAN_ALG_AES_CBC_128_SHA2_512,
	XSWAN_ALG_AES_CBC_192_SHA2_256,
	XSWAN_ALG_AES_CBC_192_SHA2_384,
	XSWAN_ALG_AES_CBC_192_SHA2_512,
	XSWAN_ALG_AES_CBC_256_SHA2_256,
	XSWAN_ALG_AES_CBC_256_SHA2_384,
	XSWAN_ALG_AES_CBC_256_SHA2_512,
	XSWAN_ALG_AES_CTR_128_SHA2_256,
	XSWAN_ALG_AES_CTR_128_SHA2_384,
	XSWAN_ALG_AES_CTR_128_SHA2_512,
	XSWAN_ALG_AES_CTR_192_SHA2_256,
	XSWAN_ALG_AES_CTR_192_SHA2_384,
	XSWAN_ALG_AES_CTR_192_SHA2_512,
	XSWAN_ALG_AES_CTR_256_SHA2_256,
	XSWAN_ALG_AES_CTR_256_SHA2_384,
	XSWAN_ALG_AES_CTR_256_SHA2_512,
	XSWAN_ALGS
};

enum xswan_mode {
	XSWAN_MODE_TUNNEL = 1,
	XSWAN_MODE_TRANSPORT, /* the packet keeps its own IP header: hosts to each other */
};

enum xswan_sa_flag {
	XSWAN_SA_LIVE = 1 << 0, /* set last on add, cleared first on removal */
	XSWAN_SA_UDP_ENCAP = 1 << 1, /* RFC 3948; sport and dport apply */
	XSWAN_SA_ESN = 1 << 2, /* RFC 4303 section 2.2.1 */
	XSWAN_SA_FOLLOW = 1 << 3, /* inbound, UDP: the peer is behind a NAT, which may move it: RFC 7296 section 2.23 */
};
#define XSWAN_SA_PATH_FLAGS (XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW) /* change when an SA moves to another path */

/*
 * How outer and inner IP header follow from each other in tunnel mode. None set: DSCP and DF of the outer header are
 * the inner packet's (DF is set for IPv6), ECN by RFC 6040 in normal mode, IPv6 flow label 0.
 */
enum xswan_header_flag {
	XSWAN_HEADER_SET_DSCP = 1 << 0, /* the outer DSCP is `dscp` */
	XSWAN_HEADER_DSCP_IN = 1 << 1, /* an opened packet gets the outer DSCP */
	XSWAN_HEADER_NO_ECN = 1 << 2, /* outer Not-ECT, and no congestion taken over (RFC 6040 compatibility mode) */
	XSWAN_HEADER_SET_DF = 1 << 3,
	XSWAN_HEADER_CLEAR_DF = 1 << 4,
	XSWAN_HEADER_FLOW_LABEL = 1 << 5, /* outer IPv6 flow label: a hash of the inner flow (RFC 6438) */
};

#define XSWAN_TFC_MTU 0xffffu

/* One direction of a Child SA. IPv4 addresses take the first 4 of 16 bytes. */
struct xswan_sa {
	__u64 uid; /* random, one per keyed SA; ties sa, stat and key together */
	__be32 spi;
	__u32 tunnel;
	__u8 src[16]; /* outer addresses as on the wire in this direction */
	__u8 dst[16];
	__be16 sport; /* UDP ports as on the wire in this direction; 0 without encapsulation */
	__be16 dport;
	__u8 family; /* outer, and in transport mode the only one: 4 or 6 */
	__u8 alg; /* enum xswan_alg */
	__u8 mode; /* enum xswan_mode */
	__u8 flags; /* enum xswan_sa_flag */
	__u16 mtu; /* largest inner packet that fits path_mtu; outbound only */
	__u16 path_mtu; /* of the route to dst; outbound only */
	__u8 header; /* enum xswan_header_flag */
	__u8 dscp; /* with XSWAN_HEADER_SET_DSCP: 0 to 63 */
	__u16 tfc; /* outbound, tunnel mode: shorter packets are padded to this length; XSWAN_TFC_MTU: to `mtu`; 0: none */
};

struct xswan_sa_stat {
	__u64 uid; /* of the SA that these figures belong to */
	__u64 packets;
	__u64 bytes; /* inner bytes */
	__u64 last_use; /* CLOCK_BOOTTIME, seconds; 0: never */
	__u64 seq; /* outbound: last number used; inbound: highest that authenticated */
	__u64 drops; /* of any reason: sa_in_drops and sa_out_drops tell them apart */
	__u64 dummies; /* outbound: of `packets`, those that carried nothing (RFC 4303 section 2.6) */
	__u64 reserved[1];
};

/* Why packets of an SA were dropped. A line of its own, so that the figures of good packets stay in one cache line. */
struct xswan_sa_drops {
	__u64 uid; /* of the SA that these figures belong to */
	__u64 other; /* reasons that have no field */
#define X(id, field) __u64 field;
	XSWAN_SA_DROPS(X)
#undef X
	__u64 reserved[1];
};

enum xswan_tunnel_state {
	XSWAN_TUNNEL_FREE,
	XSWAN_TUNNEL_DOWN, /* configured; its selectors drop */
	XSWAN_TUNNEL_UP,
};

/* A configured child: what selectors point at, whatever SA it has just now. */
struct xswan_tunnel {
	__u32 state; /* enum xswan_tunnel_state */
	__u32 sa_out; /* slot in sa_out; 0: none */
	__u16 mtu; /* as in xswan_sa, or less: what a router on the path said counts, too; 0 while down */
	__u16 path_mtu; /* what `mtu` follows from: the largest outer packet */
	__u32 flags; /* enum xswan_tunnel_flag */
	char name[XSWAN_NAME_LEN]; /* "conn/child", NUL-terminated */
};

enum xswan_tunnel_flag {
	XSWAN_TUNNEL_TRAP = 1 << 0, /* raise XSWAN_EVENT_ACQUIRE when there is no SA, and hold the packet that does */
};

enum xswan_action {
	XSWAN_ACTION_PROTECT = 1,
	XSWAN_ACTION_BYPASS,
	XSWAN_ACTION_DROP,
};

/* New maps have no rules because nobody has said yet what they are: until then nothing is forwarded that no rule covers. */
struct xswan_policy_state {
	__u32 known; /* set once all rules of a configuration are in place */
};

/*
 * Outbound selectors (RFC 4301 section 4.4.1), both families: IPv4 addresses take the first 4 of 16 bytes.
 *
 * `selector` is asked for the destination. The longest prefix that covers it says which prefixes around the
 * destination have rules: itself and shorter ones, longest first. For each of these `rules` is asked with
 * the source, and has the rules of that destination prefix for all source prefixes that cover it. Of all
 * rules that match a packet, the one of the lowest rank decides; of the same rank, the longer destination.
 *
 * So a lookup costs one search of a trie, and one for each level of destinations inside each other; and a
 * rule is stored once, and again only for longer sources of the same destination inside its own.
 */
struct xswan_selector_key {
	__u32 prefixlen; /* XSWAN_SELECTOR_BITS, and those of the destination */
	__u32 family; /* 4 or 6 */
	__u8 dst[16]; /* masked */
};
#define XSWAN_SELECTOR_BITS 32u

#define XSWAN_LEVELS 8u /* destination prefixes inside each other */
struct xswan_selector {
	__u8 count; /* more than XSWAN_LEVELS: drop what comes here */
	__u8 reserved[3];
	__u8 len[XSWAN_LEVELS]; /* prefix lengths, longest first */
};

struct xswan_rules_key {
	__u32 prefixlen; /* XSWAN_RULES_BITS, and those of the source */
	__u16 family; /* 4 or 6 */
	__u16 dst_len; /* bits of dst that count: the others are 0 */
	__u8 dst[16];
	__u8 src[16]; /* masked */
};
#define XSWAN_RULES_BITS 160u

struct xswan_rule {
	__u64 rank; /* lowest first */
	__u16 sport_min, sport_max; /* host order; 0-65535: any; ICMP: type and code (RFC 7296 section 3.13.1) */
	__u16 dport_min, dport_max;
	__u32 tunnel;
	__u8 proto; /* 0: any */
	__u8 action; /* enum xswan_action */
	__u16 reserved;
};

#define XSWAN_RULES 16u
struct xswan_rules {
	__u32 count; /* more than XSWAN_RULES: drop what comes here */
	__u32 reserved;
	struct xswan_rule rule[XSWAN_RULES]; /* lowest rank first */
};

/* An address: of this host in `locals`, of a peer in `ike_peers`. */
struct xswan_local {
	__u32 family; /* 4 or 6 */
	__u8 ip[16];
};

/*
 * Says of nearly every other address, without a search, that it is not in `locals`: for each that is, its bit is set, before
 * it comes and until it has gone.
 */
#define XSWAN_LOCAL_BITS 4096u
struct xswan_local_bits {
	__u64 word[XSWAN_LOCAL_BITS / 64];
};

/* The bit of an address, whose four words are as they lie in memory; of IPv4 three are 0. */
static inline __attribute__((always_inline)) __u32 xswan_local_bit(const __be32 *ip)
{
	__u32 mixed = ip[0] ^ ip[1] ^ ip[2] ^ ip[3];

	mixed ^= mixed >> 16;
	return (mixed ^ mixed >> 8) % XSWAN_LOCAL_BITS;
}

enum xswan_role {
	XSWAN_ROLE_OUTSIDE = 1, /* IKE and ESP */
	XSWAN_ROLE_INSIDE, /* plaintext of hosts behind us */
	XSWAN_ROLE_TUNNEL, /* xswN-dp, the dataplane's end of the host's xswN */
};

struct xswan_port {
	__u32 role; /* enum xswan_role */
	__u32 xsk_base; /* first index in xsks */
	__u32 host_ifindex; /* xswN: where TC sends what the host must not send in clear */
	__u8 mac[6]; /* frames to other addresses are not ours */
	__u16 mtu; /* of the interface; 0: not known */
};

/*
 * Verdict of the XDP program, in the metadata area just before the frame.
 * The worker checks what it relies on again: it never trusts an offset.
 */
enum xswan_meta_kind {
	XSWAN_META_OPEN = 0x58534f50,
	XSWAN_META_SEAL = 0x5853534c,
};

struct xswan_meta {
	__u32 kind; /* enum xswan_meta_kind */
	__u32 index; /* OPEN: slot in sa_in; SEAL: tunnel number */
	__u16 l3_offset; /* of the IP header from the start of the frame */
	__u16 esp_offset; /* OPEN: of the ESP header */
	__u32 reserved;
};

/*
 * The same for a port whose back-end is vnet, in place of the destination MAC: SEAL on an inside port, OPEN on an
 * outside one. Such a port and its TAP device are named by each other in `vnet`; the kernel removes the entries when
 * the device goes, which it does with the process.
 */
#define XSWAN_VNET_MARK 0x0258 /* of a locally administered address */

struct xswan_vnet_mac {
	__be16 mark;
	__be32 index; /* as in xswan_meta */
} __attribute__((packed));

/*
 * How many IKE_SA_INIT requests pass to the IKE daemon (bpf/flood.h). In nanoseconds: what one of them costs, and how
 * much may be owed, so that depth / cost of them pass at once. cost 0: as many as come.
 */
struct xswan_bucket {
	__u64 cost, depth;
};

struct xswan_flood {
	struct xswan_bucket peer; /* each address in ike_peers */
	struct xswan_bucket prefix, strangers, again;
	__u64 seed; /* nobody outside knows which prefixes share a bucket */
};

#define XSWAN_IKE_PEERS 65536u /* addresses with a rate of their own; beyond that those least heard of have none */
#define XSWAN_FLOOD_SEEN 1048576u /* sets of two requests: 8 MiB */
#define XSWAN_FLOOD_PREFIXES 65536u /* buckets that prefixes share by hash, in front of those of all together */
enum xswan_flood_bucket {
	XSWAN_FLOOD_STRANGERS = XSWAN_FLOOD_PREFIXES,
	XSWAN_FLOOD_AGAIN,
	XSWAN_FLOOD_BUCKETS
};

enum xswan_event_kind {
	XSWAN_EVENT_ACQUIRE = 1, /* a packet wants a tunnel that has no SA */
	XSWAN_EVENT_SPI_UNKNOWN, /* from an address in ike_peers came ESP that is dropped for that */
};

struct xswan_event {
	__u32 kind; /* enum xswan_event_kind */
	union {
		__u32 tunnel; /* ACQUIRE */
		__be32 spi; /* SPI_UNKNOWN */
	};
	__u8 src[16], dst[16]; /* IPv4 takes the first 4 bytes */
	__be16 sport, dport; /* ICMP: type and code in both, as in a rule; SPI_UNKNOWN: 0 if not in UDP */
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u16 reserved;
};

#define XSWAN_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " changed size")
XSWAN_ASSERT_SIZE(struct xswan_sa, 64);
XSWAN_ASSERT_SIZE(struct xswan_sa_stat, 64);
XSWAN_ASSERT_SIZE(struct xswan_sa_drops, 192);
XSWAN_ASSERT_SIZE(struct xswan_tunnel, 80);
XSWAN_ASSERT_SIZE(struct xswan_policy_state, 4);
XSWAN_ASSERT_SIZE(struct xswan_selector_key, 24);
XSWAN_ASSERT_SIZE(struct xswan_selector, 12);
XSWAN_ASSERT_SIZE(struct xswan_rules_key, 40);
XSWAN_ASSERT_SIZE(struct xswan_rule, 24);
XSWAN_ASSERT_SIZE(struct xswan_rules, 392);
XSWAN_ASSERT_SIZE(struct xswan_local, 20);
XSWAN_ASSERT_SIZE(struct xswan_local_bits, 512);
XSWAN_ASSERT_SIZE(struct xswan_port, 20);
XSWAN_ASSERT_SIZE(struct xswan_vnet_mac, 6);
XSWAN_ASSERT_SIZE(struct xswan_meta, 16);
XSWAN_ASSERT_SIZE(struct xswan_event, 48);
XSWAN_ASSERT_SIZE(struct xswan_flood, 72);

#endif
