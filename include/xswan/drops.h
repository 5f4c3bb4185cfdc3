/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * Why a packet or a message was not served: one list each for the dataplane and
 * for IKE, shared by the BPF programs, the daemons, the command line and the
 * exporter. Append only: the position is the index in the pinned maps.
 *
 *   X(enum suffix, name in output and metrics, sentence for people)
 */
#ifndef XSWAN_DROPS_H
#define XSWAN_DROPS_H

#define XSWAN_DROPS(X) \
	X(NONE, "none", "not dropped") \
	/* outside, in BPF */ \
	X(SPI_UNKNOWN, "spi_unknown", "ESP for an SPI that no SA here has") \
	X(SA_ADDRESS, "sa_address", "ESP whose addresses or encapsulation are not those of its SA") \
	X(ESP_TRUNCATED, "esp_truncated", "too short for an ESP header") \
	X(NO_SOCKET, "no_socket", "no AF_XDP socket on this queue: is xswan-dp running?") \
	X(NO_METADATA, "no_metadata", "the driver gave no room for XDP metadata") \
	/* inside and host, in BPF */ \
	X(NO_SA, "no_sa", "protected by a selector, and its tunnel has no SA") \
	X(POLICY, "policy", "a selector says drop") \
	X(PROTECTED_LEAK, "protected_leak", "protected plaintext stopped on its way out, maybe in an ICMP error") \
	/* seal */ \
	X(TOO_BIG, "too_big", "larger than the tunnel's MTU") \
	X(SEQ_EXHAUSTED, "seq_exhausted", "the SA has used up its sequence numbers") \
	X(INNER_MALFORMED, "inner_malformed", "inner packet with an impossible header") \
	X(TTL_EXPIRED, "ttl_expired", "TTL ran out at this gateway") \
	/* open */ \
	X(REPLAY, "replay", "sequence number seen before, or older than the window") \
	X(AUTH, "auth", "integrity check value wrong") \
	X(ESP_MALFORMED, "esp_malformed", "ESP with impossible length or padding") \
	X(NEXT_HEADER, "next_header", "ESP payload of an unexpected protocol") \
	X(TS_MISMATCH, "ts_mismatch", "packet outside its SA's traffic selectors") \
	X(ECN_INVALID, "ecn_invalid", "outer CE on a packet whose inner header is not ECN-capable") \
	X(DUMMY, "dummy", "ESP dummy packet (next header 59)") \
	/* input and output */ \
	X(NO_ROUTE, "no_route", "no route, neighbour or socket to send on") \
	X(TX_FULL, "tx_full", "transmit ring full") \
	X(NO_FRAME, "no_frame", "no free UMEM frame") \
	X(KERNEL_HANDOFF, "kernel_handoff", "the kernel refused a packet handed to it") \
	/* seal and open: the process, not the packet */ \
	X(NO_ROOM, "no_room", "frame without room for the outer headers and trailer") \
	X(CRYPTO, "crypto", "the cipher back-end failed: out of memory?") \
	/* headers */ \
	X(EXTENSIONS, "extensions", "IPv6 extension headers without end, or cut short") \
	X(FRAGMENT, "fragment", "a fragment, in transport mode, which protects whole packets alone") \
	/* seal and open */ \
	X(LIFETIME, "lifetime", "the SA has lived its time, or carried all that it may: it waits for the next one") \
	/* on the way to a worker, counted once a second from what the kernel says of its socket */ \
	X(RX_RING_FULL, "rx_ring_full", "receive ring full: the worker does not keep up") \
	X(RX_NO_FRAME, "rx_no_frame", "no frame waiting in the fill ring, or the packet larger than one") \
	/* inside and host, in BPF */ \
	X(LOOP, "loop", "an IPsec packet of this gateway itself that routing brought back into a tunnel") \
	X(NO_POLICY, "no_policy", "to be forwarded while no policy is known yet: has xswan-ike started?") \
	/* outside, in BPF */ \
	X(IKE_FLOOD, "ike_flood", "IKE_SA_INIT beyond ike.init_rate: a flood, or very many peers at once") \
	/* outside, in BPF */ \
	X(HIDDEN, "hidden", "on its way out where no selector can see it: in three VLAN tags, PPPoE or MPLS, or cut short") \
	/* seal: packets that asked for an SA */ \
	X(HELD, "held", "held for an SA that did not come in time")

enum xswan_drop {
#define X(id, name, text) XSWAN_DROP_##id,
	XSWAN_DROPS(X)
#undef X
	XSWAN_DROP_COUNT
};

/*
 * Those that can be laid to one SA: fields of its line in sa_in_drops or sa_out_drops, X(enum suffix, field). The rest
 * is `other` there. A field is called as the reason is.
 */
#define XSWAN_SA_DROPS(X) \
	X(SA_ADDRESS, sa_address) \
	X(ESP_TRUNCATED, esp_truncated) \
	X(REPLAY, replay) \
	X(AUTH, auth) \
	X(ESP_MALFORMED, esp_malformed) \
	X(NEXT_HEADER, next_header) \
	X(INNER_MALFORMED, inner_malformed) \
	X(TS_MISMATCH, ts_mismatch) \
	X(ECN_INVALID, ecn_invalid) \
	X(DUMMY, dummy) \
	X(TOO_BIG, too_big) \
	X(SEQ_EXHAUSTED, seq_exhausted) \
	X(TTL_EXPIRED, ttl_expired) \
	X(TX_FULL, tx_full) \
	X(NO_FRAME, no_frame) \
	X(KERNEL_HANDOFF, kernel_handoff) \
	X(NO_ROOM, no_room) \
	X(CRYPTO, crypto) \
	X(LIFETIME, lifetime) \
	X(EXTENSIONS, extensions) \
	X(FRAGMENT, fragment)

/* Slots reserved per worker in the drops_dp map: room for reasons to come. */
#define XSWAN_DROP_SLOTS 64

/* What IKE refused or did; index into the drops_ike map. */
#define XSWAN_IKE_COUNTERS(X) \
	X(RX, "rx", "IKE datagrams received") \
	X(TX, "tx", "IKE datagrams sent") \
	X(RX_TRUNCATED, "rx_truncated", "shorter than its headers say") \
	X(RX_OVERSIZED, "rx_oversized", "longer than accepted, or than its header says") \
	X(RX_MALFORMED, "rx_malformed", "payloads that do not parse") \
	X(RX_VERSION, "rx_version", "not IKEv2") \
	X(RX_SPI_UNKNOWN, "rx_spi_unknown", "IKE SPI of no IKE SA here") \
	X(RX_INTEGRITY, "rx_integrity", "SK payload that does not authenticate") \
	X(RX_MESSAGE_ID, "rx_message_id", "message ID outside the window") \
	X(RX_UNEXPECTED, "rx_unexpected", "exchange not allowed in this state") \
	X(RX_CRITICAL, "rx_critical", "unknown payload with the critical bit") \
	X(RX_NO_MARKER, "rx_no_marker", "neither IKE nor known ESP on UDP 4500") \
	X(RETRANSMIT_TX, "retransmit_tx", "requests sent again") \
	X(RETRANSMIT_RX, "retransmit_rx", "requests seen again and answered from store") \
	X(TIMEOUT, "timeout", "exchanges given up without an answer") \
	X(NO_CONNECTION, "no_connection", "requests that match no configured connection") \
	X(NO_PROPOSAL, "no_proposal", "negotiations without a common proposal") \
	X(INVALID_KE, "invalid_ke", "key exchange in a group that was not chosen") \
	X(AUTH_FAILED, "auth_failed", "peers that did not authenticate") \
	X(PEER_AUTH_FAILED, "peer_auth_failed", "times the peer refused our authentication") \
	X(TS_UNACCEPTABLE, "ts_unacceptable", "Child SAs without overlapping selectors") \
	X(HALF_OPEN_LIMIT, "half_open_limit", "IKE_SA_INIT refused: too many half-open IKE SAs") \
	X(IKE_UP, "ike_up", "IKE SAs established") \
	X(CHILD_UP, "child_up", "Child SAs installed") \
	X(DPD_TIMEOUT, "dpd_timeout", "peers found dead") \
	X(INSTALL_FAILED, "install_failed", "Child SAs that the dataplane refused") \
	X(COOKIE, "cookie", "IKE_SA_INIT answered with a demand for a cookie: many half-open IKE SAs") \
	X(PEER_MOVED, "peer_moved", "peers that moved to another address or port: by MOBIKE, or followed behind a NAT") \
	X(KEEPALIVE_TX, "keepalive_tx", "NAT keepalives sent") \
	X(PATH_MTU, "path_mtu", "path MTUs lowered, as a router on the path asked for") \
	X(FRAGMENT_TX, "fragment_tx", "fragments of IKE messages sent") \
	X(FRAGMENT_RX, "fragment_rx", "fragments of IKE messages received") \
	X(FRAGMENT_DROP, "fragment_drop", "fragments of IKE messages refused: not agreed upon, contradictory, or too many") \
	X(TOO_BIG_REFUSED, "too_big_refused", "ICMP \"too big\" about ESP that fits no live SA, or asks for nonsense") \
	X(OWN_MOVED, "own_moved", "moves of our own to another path (MOBIKE)") \
	X(ADDRESSES_REFUSED, "addresses_refused", "paths that a peer asked for, and did not get (MOBIKE)") \
	X(HALF_OPEN_SHARE, "half_open_share", "IKE_SA_INIT refused: its network has its share of half-open IKE SAs") \
	X(AUTH_METHOD, "auth_method", "peers that authenticate otherwise than configured") \
	X(AUTH_SIGNATURE, "auth_signature", "peers whose signature is not that of their certificate") \
	X(CERT_MISSING, "cert_missing", "peers without a certificate for their identity") \
	X(CERT_UNTRUSTED, "cert_untrusted", "peers whose certificate no trusted CA has issued") \
	X(CERT_EXPIRED, "cert_expired", "peers with a certificate that is not valid now") \
	X(CERT_REVOKED, "cert_revoked", "peers with a certificate that is revoked, or may be") \
	X(CERT_UNSUITABLE, "cert_unsuitable", "peers with a certificate that is weak or for something else") \
	X(CHILD_REKEYED, "child_rekeyed", "Child SAs that took another's place") \
	X(IKE_REKEYED, "ike_rekeyed", "IKE SAs that took another's place") \
	/* rekeys that came to nothing; not those that take another group or another way at once */ \
	X(CHILD_REKEY_BUSY, "child_rekey_busy", "rekeys of Child SAs put off by either end: TEMPORARY_FAILURE") \
	X(CHILD_REKEY_REFUSED, "child_rekey_refused", "rekeys of Child SAs that an end refused") \
	X(CHILD_REKEY_FAILED, "child_rekey_failed", "rekeys of Child SAs whose answer would not do") \
	X(CHILD_REKEY_TIMEOUT, "child_rekey_timeout", "rekeys of Child SAs that the peer did not answer") \
	X(CHILD_REKEY_COLLISION, "child_rekey_collision", "rekeys of Child SAs that were one too many: both ends began one") \
	X(IKE_REKEY_BUSY, "ike_rekey_busy", "rekeys of IKE SAs put off by either end: TEMPORARY_FAILURE") \
	X(IKE_REKEY_REFUSED, "ike_rekey_refused", "rekeys of IKE SAs that an end refused") \
	X(IKE_REKEY_FAILED, "ike_rekey_failed", "rekeys of IKE SAs whose answer would not do") \
	X(IKE_REKEY_TIMEOUT, "ike_rekey_timeout", "rekeys of IKE SAs that the peer did not answer") \
	X(IKE_REKEY_COLLISION, "ike_rekey_collision", "rekeys of IKE SAs that were one too many: both ends began one")

enum xswan_ike_counter {
#define X(id, name, text) XSWAN_IKE_##id,
	XSWAN_IKE_COUNTERS(X)
#undef X
	XSWAN_IKE_COUNTER_COUNT
};
#define XSWAN_IKE_COUNTER_SLOTS 128

#endif
