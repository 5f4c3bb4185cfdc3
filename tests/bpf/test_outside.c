/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program on outside interfaces: ESP in every form that it takes on the wire, what is
 * not ours, and cleartext that should have come through a tunnel.
 *
 *   peer 198.51.100.9 ==== 192.0.2.1 out0 [gateway] in0 10.1.0.1 ---- 10.1.0.0/16
 *   behind the peer: 10.2.0.0/16
 */
#include "harness.h"

#define PEER "198.51.100.9"
#define US "192.0.2.1"
#define ELSEWHERE "203.0.113.7" /* reached by the default route */

#define SPI_PLAIN 0xa5c00007u /* protocol 50 */
#define SPI_NAT 0xa5c00008u /* UDP 4500 to 4500 */
#define SPI_PORT 0xa5c00009u /* UDP 61000 to 5500: both ends behind port mappings */
#define SPI_GONE 0xa5c0000au /* removed: all is still there but LIVE */
#define SPI_OTHER 0xa5c0000bu
#define SPI_MOVES 0xa5c0000cu /* as SPI_NAT, of a peer that its NAT may move */
#define SPI_SLOT_0 0xa5c00000u

#define ESP_PEER .src = PEER, .dst = US, .proto = IPPROTO_ESP
#define NAT_PEER .src = PEER, .dst = US, UDP(4500, 4500)
#define FROM_TO(src_, dst_) .src = src_, .dst = dst_
#define CLEAR(proto_, sport_, dport_) \
	.src = "10.2.0.5", .dst = "10.1.0.5", .proto = proto_, .sport = sport_, .dport = dport_

#define V6(packet) .v6 = true, packet

/* The packet that ICMP is about: from us, from another. */
#define QUOTE4(proto, src) "\x45\0\x05\xdc\0\0\x40\0\x40" proto "\0\0" src "\x0a\x06\0\x02" "\x11\x94\x11\x94\0\0\0\1", .payload_len = 28
#define QUOTE6(next, src) \
	"\x60\0\0\0\x05\xb4" next "\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0" src \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\x0a\x06\0\x02" "\x11\x94\x11\x94\0\0\0\1", .payload_len = 48
#define OURS "\xc0\0\x02\x01"
#define ANOTHERS "\x0a\x01\0\x05"
#define TOO_BIG4 .version = 4, FROM_TO("10.6.0.1", US), .proto = IPPROTO_ICMP, .sport = 3, .dport = 4
#define TOO_BIG6 .v6 = true, FROM_TO("10.6.0.1", US), .proto = IPPROTO_ICMPV6, .sport = 2
/* To a host behind us, of a router or a liar. The packet is said to be from 10.1.0.5 to 10.2.0.5, with these 8 bytes behind its header. */
#define COPY4(proto, dst, bytes) "\x45\0\x05\xdc\0\0\x40\0\x40" proto "\0\0\x0a\x01\0\x05" dst bytes, .payload_len = 28
#define COPY6(next, dst, bytes) \
	"\x60\0\0\0\x05\xb4" next "\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\x0a\x01\0\x05" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0" dst bytes, .payload_len = 48
#define ERROR4(type) FROM_TO(ELSEWHERE, "10.1.0.5"), .version = 4, .proto = IPPROTO_ICMP, .sport = type
#define ERROR6(type) .v6 = true, FROM_TO(ELSEWHERE, "10.1.0.5"), .proto = IPPROTO_ICMPV6, .sport = type
#define BEHIND_PEER "\x0a\x02\0\x05"
#define UNCOVERED "\x0a\x09\0\x05"
#define ANY_PORTS "\x0f\xa0\0\x50\0\0\0\1"
#define ND(type) .proto = IPPROTO_ICMPV6, .sport = type, .ttl = 255

static const struct xdp_table table = { "outside", "out0", XSWAN_ROLE_OUTSIDE, XSWAN_META_OPEN };

/* clang-format off */
static const struct xdp_row rows[] = {
	/* ESP of an SA, in all its wrappings */
	{ "ESP", { ESP_PEER, .spi = SPI_PLAIN }, WORKER(7) },
	{ "ESP behind a VLAN tag", { ESP_PEER, .spi = SPI_PLAIN, .tags = 1 }, WORKER(7) },
	{ "ESP behind two VLAN tags", { ESP_PEER, .spi = SPI_PLAIN, .tags = 2 }, WORKER(7) },
	{ "ESP behind three VLAN tags is the kernel's", { ESP_PEER, .spi = SPI_PLAIN, .tags = 3 }, PASSED },
	{ "ESP behind IP options", { ESP_PEER, .spi = SPI_PLAIN, .options = 3 }, WORKER(7) },
	{ "ESP behind all IP options there can be", { ESP_PEER, .spi = SPI_PLAIN, .options = 10 }, WORKER(7) },
	{ "ESP with DF", { ESP_PEER, .spi = SPI_PLAIN, .frag = IP_DF }, WORKER(7) },
	{ "ESP of nothing but its header", { ESP_PEER, .spi = SPI_PLAIN, .payload_len = 8 }, WORKER(7) },
	{ "ESP with TTL 1: it has arrived", { ESP_PEER, .spi = SPI_PLAIN, .ttl = 1 }, WORKER(7) },
	{ "ESP in UDP 4500", { NAT_PEER, .spi = SPI_NAT }, WORKER(8) },
	{ "ESP in UDP, tag and options", { NAT_PEER, .spi = SPI_NAT, .tags = 1, .options = 1 }, WORKER(8) },
	{ "ESP in UDP on another port that an SA has",
	  { FROM_TO(PEER, US), UDP(61000, 5500), .spi = SPI_PORT }, WORKER(9) },

	/* unknown, wrong, short */
	{ "ESP of an empty slot", { ESP_PEER, .spi = 0xa5c00100 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP with a live slot and other high bits", { ESP_PEER, .spi = 0x11c00007 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP of the slot that is never used", { ESP_PEER, .spi = SPI_SLOT_0 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP of an SA being removed", { ESP_PEER, .spi = SPI_GONE }, DROPPED(SPI_UNKNOWN) },
	{ "ESP with a reserved SPI", { ESP_PEER, .spi = 255 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP in UDP 4500 of an empty slot", { NAT_PEER, .spi = 0xa5c00100 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP from another address",
	  { FROM_TO("198.51.100.10", US), .proto = IPPROTO_ESP, .spi = SPI_PLAIN }, DROPPED(SA_ADDRESS) },
	{ "ESP to another address of ours",
	  { FROM_TO(PEER, "10.1.0.1"), .proto = IPPROTO_ESP, .spi = SPI_PLAIN }, DROPPED(SA_ADDRESS) },
	{ "ESP without the encapsulation of its SA", { ESP_PEER, .spi = SPI_NAT }, DROPPED(SA_ADDRESS) },
	{ "ESP in UDP for an SA without encapsulation", { NAT_PEER, .spi = SPI_PLAIN }, DROPPED(SA_ADDRESS) },
	{ "ESP in UDP from another port",
	  { FROM_TO(PEER, US), UDP(4501, 4500), .spi = SPI_NAT },
	  DROPPED(SA_ADDRESS) },
	{ "ESP in UDP to another port", { FROM_TO(PEER, US), UDP(61000, 4500), .spi = SPI_PORT }, DROPPED(SA_ADDRESS) },
	{ "ESP of a peer that may move, from where it is", { NAT_PEER, .spi = SPI_MOVES }, WORKER(12) },
	{ "from another port", { FROM_TO(PEER, US), UDP(20000, 4500), .spi = SPI_MOVES }, WORKER(12) },
	{ "from another address", { FROM_TO("198.51.100.10", US), UDP(4500, 4500), .spi = SPI_MOVES }, WORKER(12) },
	{ "from another address, to another port of ours",
	  { FROM_TO("198.51.100.10", US), UDP(4500, 5500), .spi = SPI_MOVES }, PASSED },
	{ "from another address, to another one of ours",
	  { FROM_TO("198.51.100.10", "10.1.0.1"), UDP(4500, 4500), .spi = SPI_MOVES }, DROPPED(SA_ADDRESS) },
	{ "a peer that may move, without UDP", { ESP_PEER, .spi = SPI_MOVES }, DROPPED(SA_ADDRESS) },
	{ "a peer that may move, another SPI", { NAT_PEER, .spi = SPI_MOVES ^ 0x10000000 }, DROPPED(SPI_UNKNOWN) },
	{ "ESP for an SA over the other family", { ESP_PEER, .spi = SPI_OTHER }, DROPPED(SA_ADDRESS) },
	{ "ESP header cut by one byte",
	  { ESP_PEER, .spi = SPI_PLAIN, .payload_len = 8, .cut = 1 }, DROPPED(ESP_TRUNCATED) },
	{ "ESP of 7 bytes, and link padding", { ESP_PEER, .spi = SPI_PLAIN, .tot_len = 27 }, DROPPED(ESP_TRUNCATED) },
	{ "ESP without a byte", { ESP_PEER }, DROPPED(ESP_TRUNCATED) },
	{ "IP total length below its own header",
	  { ESP_PEER, .spi = SPI_PLAIN, .tot_len = 12 }, DROPPED(ESP_TRUNCATED) },
	{ "ESP in UDP of 7 bytes", { NAT_PEER, .spi = SPI_NAT, .payload_len = 8, .tot_len = 20 + 8 + 7 },
	  DROPPED(ESP_TRUNCATED) },
	{ "3 bytes to UDP 4500", { NAT_PEER, .payload = "abc" }, DROPPED(ESP_TRUNCATED) },
	{ "no byte to UDP 4500", { NAT_PEER }, DROPPED(ESP_TRUNCATED) },
	{ "one byte to UDP 4500 that is no keepalive", { NAT_PEER, .payload = "\xfe" }, DROPPED(ESP_TRUNCATED) },
	{ "two bytes that begin like a keepalive", { NAT_PEER, .payload = "\xff\xff" }, DROPPED(ESP_TRUNCATED) },
	{ "NAT keepalive", { NAT_PEER, .payload = "\xff" }, DROPPED(NONE) },
	{ "NAT keepalive in a padded frame",
	  { NAT_PEER, .payload = "\xff\0\0\0\0\0\0\0\0\0", .payload_len = 10, .tot_len = 29 }, DROPPED(NONE) },

	/* the kernel's */
	{ "IKE on port 500", { FROM_TO(PEER, US), UDP(500, 500), .payload = "ike message" }, PASSED },
	{ "IKE on port 4500, behind the non-ESP marker",
	  { NAT_PEER, .payload = "\0\0\0\0ike", .payload_len = 7 }, PASSED },
	{ "the non-ESP marker alone", { NAT_PEER, .payload = "\0\0\0\0", .payload_len = 4 }, PASSED },
	{ "first fragment of ESP", { ESP_PEER, .spi = SPI_PLAIN, .frag = IP_MF }, PASSED },
	{ "later fragment of ESP", { ESP_PEER, .spi = SPI_PLAIN, .frag = 185 }, PASSED },
	{ "first fragment of ESP in UDP", { NAT_PEER, .spi = SPI_NAT, .frag = IP_MF }, PASSED },
	{ "later fragment of ESP in UDP", { NAT_PEER, .spi = SPI_NAT, .frag = IP_MF | 185 }, PASSED },
	{ "UDP on a port of no SA", { FROM_TO(PEER, US), UDP(4500, 5501), .spi = SPI_PORT }, PASSED },
	{ "short UDP elsewhere", { FROM_TO(PEER, US), UDP(7, 7), .payload = "\xff" }, PASSED },
	{ "DNS from an unprotected host", { FROM_TO(PEER, US), UDP(53, 5000), .payload = "answer" }, PASSED },
	{ "ping from an unprotected host", { FROM_TO(PEER, "10.1.0.5"), .proto = IPPROTO_ICMP, .sport = 8 }, PASSED },
	{ "UDP header cut", { NAT_PEER, .tot_len = 24, .cut = 4 }, PASSED },
	{ "IPv6 without a header", { .ethertype = ETHERTYPE_IPV6 }, PASSED },
	{ "ARP", { .ethertype = ETHERTYPE_ARP, .mac = TO_BROADCAST }, PASSED },
	{ "IPv4 header shorter than 20 bytes", { ESP_PEER, .spi = SPI_PLAIN, .ihl = 4 }, PASSED },
	{ "IPv4 header longer than the frame", { ESP_PEER, .ihl = 15 }, PASSED },
	{ "IP version 6 behind the IPv4 ethertype", { ESP_PEER, .spi = SPI_PLAIN, .version = 6 }, PASSED },

	/* not addressed to us: by its frame, by its IP header */
	{ "ESP to another station's MAC", { ESP_PEER, .spi = SPI_PLAIN, .mac = TO_ANOTHER }, PASSED },
	{ "unknown ESP to another station's MAC", { ESP_PEER, .spi = 0xa5c00100, .mac = TO_ANOTHER }, PASSED },
	{ "protected cleartext to another station's MAC", { CLEAR(IPPROTO_TCP, 80, 4000), .mac = TO_ANOTHER }, DROPPED(POLICY) },
	{ "ESP between two others is routed on",
	  { FROM_TO(PEER, ELSEWHERE), .proto = IPPROTO_ESP, .spi = 0xa5c00100 }, PASSED },
	{ "ESP between two others with an SPI of ours",
	  { FROM_TO(PEER, ELSEWHERE), .proto = IPPROTO_ESP, .spi = SPI_PLAIN }, PASSED },
	{ "ESP in UDP between two others",
	  { FROM_TO(PEER, ELSEWHERE), UDP(4500, 4500), .spi = 0xa5c00100 }, PASSED },
	{ "NAT keepalive between two others",
	  { FROM_TO(PEER, ELSEWHERE), UDP(4500, 4500), .payload = "\xff" }, PASSED },

	/* RFC 4301 section 5.2: cleartext whose answer a rule would protect */
	{ "cleartext TCP that should be protected", { CLEAR(IPPROTO_TCP, 80, 4000) }, DROPPED(POLICY) },
	{ "cleartext UDP", { CLEAR(IPPROTO_UDP, 53, 4000) }, DROPPED(POLICY) },
	{ "cleartext ping", { CLEAR(IPPROTO_ICMP, 8, 0) }, DROPPED(POLICY) },
	{ "cleartext GRE", { CLEAR(IPPROTO_GRE, 0, 0), .payload = "gre" }, DROPPED(POLICY) },
	{ "cleartext behind a VLAN tag", { CLEAR(IPPROTO_TCP, 80, 4000), .tags = 1 }, DROPPED(POLICY) },
	{ "cleartext fragment", { CLEAR(IPPROTO_UDP, 0, 0), .frag = 185, .payload = "tail" }, DROPPED(POLICY) },
	{ "cleartext to UDP 4500 of a host behind us",
	  { CLEAR(IPPROTO_UDP, 4500, 4500), .payload = "\0\0\0\0", .payload_len = 4 }, DROPPED(POLICY) },
	{ "cleartext to UDP 500 of a host behind us",
	  { CLEAR(IPPROTO_UDP, 500, 500), .payload = "ike" }, DROPPED(POLICY) },
	{ "ESP not of ours from a protected host, routed",
	  { CLEAR(IPPROTO_ESP, 0, 0), .spi = 0xa5c00100 }, DROPPED(POLICY) },
	{ "cleartext in a broadcast frame", { CLEAR(IPPROTO_TCP, 80, 4000), .mac = TO_BROADCAST }, DROPPED(POLICY) },
	{ "multicast from a protected host",
	  { .version = 4, FROM_TO("10.6.0.1", "224.0.0.5"), .proto = 89, .mac = TO_MULTICAST }, PASSED },
	{ "cleartext from outside the selectors", { FROM_TO("10.7.0.5", "10.1.0.5"), TCP(1, 2) }, PASSED },
	{ "cleartext to outside the selectors", { FROM_TO("10.2.0.5", "10.7.0.5"), TCP(1, 2) }, PASSED },
	{ "cleartext that a bypass rule allows", { FROM_TO("10.2.0.5", "10.1.9.9"), TCP(1, 2) }, PASSED },
	{ "cleartext that a drop rule forbids", { FROM_TO("10.8.0.5", "10.1.0.5"), TCP(1, 2) }, DROPPED(POLICY) },
	{ "the answer of a protected server", { FROM_TO("10.3.0.5", "10.1.0.5"), TCP(443, 4000) }, DROPPED(POLICY) },
	{ "ports are exchanged with the addresses", { FROM_TO("10.3.0.5", "10.1.0.5"), TCP(4000, 443) }, PASSED },
	{ "fragment that hides the ports of such a server",
	  { FROM_TO("10.3.0.5", "10.1.0.5"), TCP(1, 2), .frag = 100 }, DROPPED(POLICY) },

	/* the peer itself is within the selectors (0.0.0.0/0): IPsec must still reach us */
	{ "IKE from a peer inside the selectors",
	  { FROM_TO("10.6.0.1", US), UDP(500, 500), .payload = "ike" }, PASSED },
	{ "IKE on 4500 from there",
	  { FROM_TO("10.6.0.1", US), UDP(4500, 4500), .payload = "\0\0\0\0", .payload_len = 4 }, PASSED },
	{ "a router there says that our ESP was too big", { TOO_BIG4, .payload = QUOTE4("\x32", OURS) }, PASSED },
	{ "that our ESP in UDP was", { TOO_BIG4, .payload = QUOTE4("\x11", OURS) }, PASSED },
	{ "that another's ESP was", { TOO_BIG4, .payload = QUOTE4("\x32", ANOTHERS) }, DROPPED(POLICY) },
	{ "that TCP of ours was", { TOO_BIG4, .payload = QUOTE4("\x06", OURS) }, DROPPED(POLICY) },
	{ "the same, cut short", { TOO_BIG4, .payload = QUOTE4("\x32", OURS), .cut = 8 }, DROPPED(POLICY) },
	{ "something else about our ESP",
	  { .version = 4, FROM_TO("10.6.0.1", US), .proto = IPPROTO_ICMP, .sport = 3, .dport = 3,
	    .payload = QUOTE4("\x32", OURS) }, DROPPED(POLICY) },
	{ "by ICMPv6: our ESP was too big", { TOO_BIG6, .payload = QUOTE6("\x32", OURS) }, PASSED },
	{ "by ICMPv6: our ESP in UDP was", { TOO_BIG6, .payload = QUOTE6("\x11", OURS) }, PASSED },
	{ "by ICMPv6: another's ESP was", { TOO_BIG6, .payload = QUOTE6("\x32", ANOTHERS) }, DROPPED(POLICY) },
	{ "by ICMPv6: TCP of ours was", { TOO_BIG6, .payload = QUOTE6("\x06", OURS) }, DROPPED(POLICY) },
	{ "fragment of IKE from there",
	  { FROM_TO("10.6.0.1", US), .proto = IPPROTO_UDP, .frag = 100, .payload = "tail" }, PASSED },
	{ "fragment of ESP from there",
	  { FROM_TO("10.6.0.1", US), .proto = IPPROTO_ESP, .spi = 0xa5c00100, .frag = IP_MF }, PASSED },
	{ "anything else from there", { FROM_TO("10.6.0.1", US), UDP(53, 53), .payload = "dns" }, DROPPED(POLICY) },

	/* errors about what nobody outside has seen */
	{ "too big: a packet of the tunnel", { ERROR4(3), .dport = 4, .payload = COPY4("\x11", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "time exceeded: a packet of the tunnel", { ERROR4(11), .payload = COPY4("\x06", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "redirect: a packet of the tunnel", { ERROR4(5), .payload = COPY4("\x01", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "behind a tag", { ERROR4(3), .tags = 1, .payload = COPY4("\x11", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "another packet", { ERROR4(3), .payload = COPY4("\x11", UNCOVERED, ANY_PORTS) }, PASSED },
	{ "ESP of a host behind us to there", { ERROR4(3), .payload = COPY4("\x32", BEHIND_PEER, ANY_PORTS) }, PASSED },
	{ "ESP in UDP of such a host", { ERROR4(3), .payload = COPY4("\x11", BEHIND_PEER, "\x11\x94\x11\x94\0\0\0\1") }, PASSED },
	{ "no error, though it looks like one", { ERROR4(8), .payload = COPY4("\x11", BEHIND_PEER, ANY_PORTS) }, PASSED },
	{ "cut off before the ports, which no rule asks for", { ERROR4(3), .payload = COPY4("\x11", BEHIND_PEER, ANY_PORTS), .cut = 8 }, DROPPED(POLICY) },
	{ "cut off within the IP header", { ERROR4(3), .payload = COPY4("\x11", BEHIND_PEER, ANY_PORTS), .cut = 9 }, PASSED },
	{ "ICMPv6, too big: a packet of the tunnel", { ERROR6(2), .payload = COPY6("\x11", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "ICMPv6, unreachable: behind extension headers", { ERROR6(1), .payload = COPY6("\x3c", BEHIND_PEER, ANY_PORTS) }, DROPPED(POLICY) },
	{ "ICMPv6, too big: ESP that was cut", { ERROR6(2), .payload = COPY6("\x2c", BEHIND_PEER, "\x32\0\0\1\0\0\0\1") }, PASSED },
	{ "ICMPv6, too big: a later part of it", { ERROR6(2), .payload = COPY6("\x2c", BEHIND_PEER, "\x32\0\5\1\0\0\0\1") }, PASSED },
	{ "ICMPv6, too big: a fragment of something else", { ERROR6(2), .payload = COPY6("\x2c", BEHIND_PEER, "\x11\0\0\1\0\0\0\1") }, DROPPED(POLICY) },
	{ "ICMPv6: another packet", { ERROR6(2), .payload = COPY6("\x11", UNCOVERED, ANY_PORTS) }, PASSED },
	{ "ICMPv6: no error", { ERROR6(128), .payload = COPY6("\x11", BEHIND_PEER, ANY_PORTS) }, PASSED },

	/* IPv6 alone */
	{ "ESP behind extension headers", { V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "hdrddd" }, WORKER(7 + V6_SLOTS) },
	{ "ESP in UDP behind extension headers", { V6(NAT_PEER), .spi = SPI_NAT + V6_SLOTS, .headers = "hd" }, WORKER(8 + V6_SLOTS) },
	{ "ESP behind more than are looked at is the kernel's", { V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "ddddddd" }, PASSED },
	{ "ESP behind the longest header", { V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "D" }, WORKER(7 + V6_SLOTS) },
	{ "atomic fragment of ESP", { V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "f" }, PASSED },
	{ "later fragment of options, perhaps before ESP",
	  { V6(FROM_TO("10.6.0.1", US)), .proto = IPPROTO_DSTOPTS, .frag = 100 }, PASSED },
	{ "first fragment without the header it is about",
	  { V6(FROM_TO("10.6.0.1", US)), .proto = IPPROTO_DSTOPTS, .frag = IP_MF }, DROPPED(POLICY) },
	{ "too many headers from a protected host",
	  { V6(FROM_TO("10.6.0.1", US)), TCP(1, 2), .headers = "ddddddd" }, DROPPED(POLICY) },
	{ "cleartext behind extension headers", { V6(CLEAR(IPPROTO_TCP, 80, 4000)), .headers = "hd" }, DROPPED(POLICY) },
	{ "the last word of the source differs",
	  { V6(FROM_TO("198.51.100.8", US)), .proto = IPPROTO_ESP, .spi = SPI_PLAIN + V6_SLOTS }, DROPPED(SA_ADDRESS) },
	{ "the first word of the source differs",
	  { .v6 = true, .src = "2001:db9::198.51.100.9", .dst = US, .proto = IPPROTO_ESP, .spi = SPI_PLAIN + V6_SLOTS },
	  DROPPED(SA_ADDRESS) },
	{ "the third word of the destination differs",
	  { .v6 = true, .src = PEER, .dst = "2001:db8::1:192.0.2.1", .proto = IPPROTO_ESP, .spi = SPI_PLAIN + V6_SLOTS },
	  PASSED }, /* routed on */
	{ "neighbour solicitation from a protected address",
	  { .v6 = true, .src = "10.6.0.1", .dst = US, ND(135) }, PASSED },
	{ "neighbour solicitation for somebody behind us",
	  { .v6 = true, .src = "10.6.0.1", .dst = "10.1.0.5", ND(135) }, DROPPED(POLICY) },
	{ "neighbour solicitation that came through a router",
	  { .v6 = true, .src = "10.6.0.1", .dst = US, .proto = IPPROTO_ICMPV6, .sport = 135, .ttl = 254 }, DROPPED(POLICY) },
	{ "router advertisement", { .v6 = true, .src = "fe80::1", .dst = "ff02::1", ND(134), .mac = TO_MULTICAST }, PASSED },
	{ "from a link-local address to a protected one", { .v6 = true, .src = "fe80::1", .dst = US, TCP(1, 2) }, PASSED },
	{ "multicast frame to one protected host",
	  { V6(CLEAR(IPPROTO_TCP, 80, 4000)), .mac = TO_MULTICAST }, DROPPED(POLICY) },
	{ "multicast beyond the link", { .v6 = true, .src = "10.6.0.1", .dst = "ff0e::5", UDP(1, 2), .mac = TO_MULTICAST }, PASSED },

	/* the daemon is not there */
	{ "no socket: ESP is dropped", { ESP_PEER, .spi = SPI_PLAIN }, DROPPED(NO_SOCKET), .no_socket = true },
	{ "no port: ESP is the kernel's", { ESP_PEER, .spi = SPI_PLAIN }, PASSED, .no_port = true },
	{ "no port: unknown ESP is the kernel's", { ESP_PEER, .spi = 0xa5c00100 }, PASSED, .no_port = true },
	{ "no port: cleartext is dropped", { CLEAR(IPPROTO_TCP, 80, 4000) }, DROPPED(POLICY), .no_port = true },
	{ "no port: other traffic passes", { FROM_TO(PEER, US), TCP(1, 2) }, PASSED, .no_port = true },

	/* nor has the policy come yet */
	{ "no policy yet: for us", { FROM_TO(PEER, US), TCP(1, 2) }, PASSED, .no_policy = true },
	{ "no policy yet: to be forwarded", { FROM_TO(PEER, "10.1.0.9"), TCP(1, 2) }, DROPPED(NO_POLICY), .no_policy = true },
	{ "no policy yet: IKE of others", { FROM_TO(PEER, "10.1.0.9"), UDP(500, 500) }, PASSED, .no_policy = true },
	{ "no policy yet: ESP of ours", { ESP_PEER, .spi = SPI_PLAIN }, WORKER(7), .no_policy = true },
};
/* clang-format on */

/* One over IPv4, and its twin over IPv6. */
static void set_sa(uint32_t spi, const char *src, const char *dst, uint16_t sport, uint16_t dport, bool v6)
{
	const bool live = spi != SPI_GONE;

	v6 ^= spi == SPI_OTHER;
	if (v6 != (spi == SPI_OTHER))
		spi += spi == SPI_SLOT_0 ? 0 : V6_SLOTS;
	struct xswan_sa sa = {
		.uid = spi, .spi = htonl(spi), .tunnel = 1, .sport = htons(sport), .dport = htons(dport)
	};

	sa.family = v6 ? 6 : 4;
	sa.alg = XSWAN_ALG_AES_GCM_16_256;
	sa.mode = XSWAN_MODE_TUNNEL;
	sa.flags = (live ? XSWAN_SA_LIVE : 0) | (sport ? XSWAN_SA_UDP_ENCAP : 0);
	sa.flags |= XSWAN_SPI_SLOT(spi) % V6_SLOTS == XSWAN_SPI_SLOT(SPI_MOVES) ? XSWAN_SA_FOLLOW : 0;
	put_prefix(sa.src, src, 32, v6);
	put_prefix(sa.dst, dst, 32, v6);
	map_set("sa_in", XSWAN_SPI_SLOT(spi), &sa);
}

static int setup(void **state)
{
	struct test_rule server = rule_proto(rule("10.1.0.0", 16, XSWAN_ACTION_PROTECT, 1), IPPROTO_TCP, 443, 443);
	struct test_rule net[2];

	if (harness_setup(state))
		return -1;
	if (!object)
		return 0;
	for (int v6 = 0; v6 < 2; v6++) {
		set_sa(SPI_PLAIN, PEER, US, 0, 0, v6);
		set_sa(SPI_NAT, PEER, US, 4500, 4500, v6);
		set_sa(SPI_MOVES, PEER, US, 4500, 4500, v6);
		set_sa(SPI_PORT, PEER, US, 61000, 5500, v6);
		set_sa(SPI_GONE, PEER, US, 0, 0, v6);
		set_sa(SPI_OTHER, PEER, US, 0, 0, v6);
		set_sa(SPI_SLOT_0, PEER, US, 0, 0, v6);
	}
	net[0] = rule("10.1.9.0", 24, XSWAN_ACTION_BYPASS, 0);
	net[1] = rule("10.1.0.0", 16, XSWAN_ACTION_PROTECT, 1);
	set_rules("10.2.0.0", 16, net, 2);
	set_rule("10.3.0.0", 16, server);
	set_rule("10.6.0.0", 16, rule("0.0.0.0", 0, XSWAN_ACTION_PROTECT, 1));
	set_local(US, true, true);
	set_rule("10.8.0.0", 16, rule("10.1.0.0", 16, XSWAN_ACTION_DROP, 0));
	return 0;
}

static void test_row(void **state)
{
	needs_root();
	run_row(&table, *state);
}

/* The frame shortened byte by byte: the same question at every boundary, and never a byte beyond the end. */
static void check_truncation(const struct packet_spec *spec, uint32_t ip_end, uint32_t esp_end)
{
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct packet p = packet_make(spec);

	set_port("out0", &port);
	set_socket(port.xsk_base, true);
	for (p.len = ETH_HLEN; p.len < esp_end + 4; p.len++) {
		bool whole = p.len >= esp_end, parsed = p.len >= ip_end;
		struct counters before = read_counters();
		struct xdp_result r = run_xdp("outside", "out0", &p);

		assert_int_equal(r.verdict, whole ? XDP_REDIRECT : parsed ? XDP_DROP : XDP_PASS);
		assert_counted(&before, !whole && parsed ? XSWAN_DROP_ESP_TRUNCATED : XSWAN_DROP_NONE);
		assert_frame_untouched(&r, &p);
	}
}

static void test_truncation(void **state)
{
	needs_root();
	check_truncation(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN }, 14 + 20, 14 + 20 + 8);
	check_truncation(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN, .tags = 2 }, 22 + 20, 22 + 20 + 8);
	check_truncation(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN, .options = 5 }, 14 + 40, 14 + 40 + 8);
	/* with UDP the port must be there before it is a matter of ESP */
	check_truncation(&(struct packet_spec){ NAT_PEER, .spi = SPI_NAT }, 14 + 20 + 8, 14 + 20 + 8 + 8);

	check_truncation(&(struct packet_spec){ V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS }, 14 + 40, 14 + 40 + 8);
	check_truncation(&(struct packet_spec){ V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .tags = 2 }, 22 + 40, 22 + 40 + 8);
	check_truncation(&(struct packet_spec){ V6(NAT_PEER), .spi = SPI_NAT + V6_SLOTS }, 14 + 40 + 8, 14 + 40 + 8 + 8);
	/* without all extension headers nobody knows that it is ESP; of the last one 8 bytes tell */
	check_truncation(&(struct packet_spec){ V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "hdrddd" },
			 14 + 40 + 6 * 8, 14 + 40 + 6 * 8 + 8);
	check_truncation(&(struct packet_spec){ V6(ESP_PEER), .spi = SPI_PLAIN + V6_SLOTS, .headers = "hD" },
			 14 + 40 + 2 * 8, 14 + 40 + 8 + 2048 + 8);
}

/* The socket is that of the receiving queue, within the port's own range of the map. */
static void test_queue(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN });
	struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	int fd;

	needs_root();
	fd = prog_fd("outside");
	port.xsk_base = 3 * XSWAN_QUEUES;
	set_port("out0", &port);
	set_socket(port.xsk_base, false);
	set_socket(port.xsk_base + 5, true);
	assert_int_equal(run_xdp_with_meta(fd, "out0", 0, &p, NULL, 0).verdict, XDP_DROP);
	assert_int_equal(run_xdp_with_meta(fd, "out0", 5, &p, NULL, 0).verdict, XDP_REDIRECT);
	assert_int_equal(run_xdp_with_meta(fd, "out0", 6, &p, NULL, 0).verdict, XDP_DROP);
}

static void test_queue_beyond_range(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN });
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct counters before;

	needs_root();
	set_port("out0", &port);
	set_socket(port.xsk_base + XSWAN_QUEUES, true); /* another port's first queue */
	before = read_counters();
	assert_int_equal(run_xdp_with_meta(prog_fd("outside"), "out0", XSWAN_QUEUES, &p, NULL, 0).verdict, XDP_DROP);
	assert_counted(&before, XSWAN_DROP_NO_SOCKET);
	set_socket(port.xsk_base + XSWAN_QUEUES, false);
}

/* Metadata that a program before ours left there does not come between the verdict and the frame. */
static void test_metadata_replaced(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN });
	const struct xswan_meta meta = { XSWAN_META_OPEN, .index = 7, .l3_offset = 14, .esp_offset = 34 };
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);

	needs_root();
	set_port("out0", &port);
	set_socket(port.xsk_base, true);
	for (uint32_t len = 4; len <= 32; len += 4) {
		uint8_t junk[32];
		struct xdp_result r;

		memset(junk, 0xee, sizeof(junk));
		r = run_xdp_with_meta(prog_fd("outside"), "out0", 0, &p, junk, len);
		assert_int_equal(r.verdict, XDP_REDIRECT);
		assert_meta(&r, &meta);
		assert_frame_untouched(&r, &p);
	}
}

#define CALL(helper)                                        \
	{                                                   \
		.code = BPF_JMP | BPF_CALL, .imm = (helper) \
	}
#define MOV(reg, value)                                                               \
	{                                                                             \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value) \
	}
#define MOV_REG(to, from)                                                               \
	{                                                                               \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) \
	}
#define HEADROOM_USED 216 /* of XDP_PACKET_HEADROOM 256: what is left, the kernel's frame record takes */

/*
 * A driver without room in front of the frame, which BPF_PROG_TEST_RUN always gives: a program that turns the
 * metadata into the frame, so that the frame begins right behind the kernel's own record, and calls ours.
 */
static int load_squeeze(int calls_fd)
{
	const struct bpf_insn insns[] = {
		MOV_REG(6, 1),
		MOV(2, HEADROOM_USED),
		CALL(BPF_FUNC_xdp_adjust_meta),
		MOV_REG(1, 6),
		MOV(2, -HEADROOM_USED),
		CALL(BPF_FUNC_xdp_adjust_head),
		MOV_REG(1, 6),
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = calls_fd },
		{ .code = 0 },
		MOV(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV(0, XDP_ABORTED),
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "squeeze", "GPL", insns, COUNT(insns), NULL);
}

static bool test_run_takes_metadata(int fd, uint32_t len)
{
	struct xdp_md in = { .data = len, .data_end = len + 64 }, out = { 0 };
	uint8_t frame[SPARE_META + 64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = len + 64, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));

	return !bpf_prog_test_run_opts(fd, &run);
}

static void test_no_room_for_metadata(void **state)
{
	const struct packet p = packet_make(
		&(struct packet_spec){ ESP_PEER, .spi = SPI_PLAIN, .payload_len = HEADROOM_USED });
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	int calls, squeeze, outside;
	struct counters before;
	struct packet rest = { .len = p.len - HEADROOM_USED };
	struct xdp_result r;

	needs_root();
	outside = prog_fd("outside");
	if (!test_run_takes_metadata(outside, HEADROOM_USED)) {
		print_message("metadata is 32 bytes at most on this kernel, too few to stage this\n");
		skip();
	}
	set_port("out0", &port);
	set_socket(port.xsk_base, true);
	calls = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "calls", sizeof(int), sizeof(int), 1, NULL);
	assert_true(calls >= 0);
	squeeze = load_squeeze(calls);
	assert_true(squeeze >= 0);
	assert_int_equal(bpf_map_update_elem(calls, &(int){ 0 }, &outside, BPF_ANY), 0);
	memcpy(rest.data, p.data + HEADROOM_USED, rest.len);
	before = read_counters();
	r = run_xdp_with_meta(squeeze, "out0", 0, &rest, p.data, HEADROOM_USED);
	assert_int_equal(r.verdict, XDP_DROP);
	assert_counted(&before, XSWAN_DROP_NO_METADATA);
	close(squeeze);
	close(calls);
}

static void assert_spi_unknown(const struct seen_events *seen, const struct packet_spec *packet)
{
	uint8_t src[16], dst[16];

	put_prefix(src, packet->src, 32, packet->v6);
	put_prefix(dst, packet->dst, 32, packet->v6);
	assert_int_equal(seen->last.kind, XSWAN_EVENT_SPI_UNKNOWN);
	assert_int_equal(ntohl(seen->last.spi), packet->spi);
	assert_int_equal(seen->last.family, packet->v6 ? 6 : 4);
	assert_memory_equal(seen->last.src, src, sizeof(src));
	assert_memory_equal(seen->last.dst, dst, sizeof(dst));
	assert_int_equal(seen->last.proto, packet->proto);
	assert_int_equal(seen->last.sport, htons(packet->sport));
	assert_int_equal(seen->last.dport, htons(packet->dport));
}

/* The controller hears of an SPI that nobody has, if it is a peer's: ten times a second, whoever sends how much. */
static void test_spi_unknown(void **state)
{
	static const struct packet_spec specs[] = {
		{ ESP_PEER, .spi = 0xa5c0ffffu },
		{ NAT_PEER, .spi = SPI_GONE },
		{ .v6 = true, ESP_PEER, .spi = 0xa5c0ffffu },
	};
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct seen_events seen;
	struct ring_buffer *ring;

	needs_root();
	set_port("out0", &port);
	ring = open_events(&seen);
	for (size_t i = 0; i < COUNT(specs); i++) {
		const struct packet p = packet_make(&specs[i]);

		set_acquired(0, 0);
		set_peer(PEER, specs[i].v6, false); /* a stranger's raises nothing */
		assert_int_equal(run_xdp("outside", "out0", &p).verdict, XDP_DROP);
		assert_int_equal(ring_buffer__consume(ring), 0);
		set_peer(PEER, specs[i].v6, true); /* nor does it take a peer's turn */
		for (int j = 0; j < 20; j++)
			assert_int_equal(run_xdp("outside", "out0", &p).verdict, XDP_DROP);
		assert_int_equal(ring_buffer__consume(ring), 1);
		assert_spi_unknown(&seen, &specs[i]);
		set_acquired(0, 100000000);
		run_xdp("outside", "out0", &p);
		assert_int_equal(ring_buffer__consume(ring), 1);
		set_peer(PEER, specs[i].v6, false);
	}
	ring_buffer__free(ring);
}

/* What is dropped for another reason, or goes elsewhere, is no such news. */
static void test_no_spi_unknown(void **state)
{
	static const struct packet_spec specs[] = {
		{ ESP_PEER, .spi = SPI_PLAIN },
		{ ESP_PEER, .spi = SPI_NAT },
		{ ESP_PEER, .spi = 0xa5c0ffffu, .payload_len = 7 },
		{ FROM_TO(PEER, ELSEWHERE), .proto = IPPROTO_ESP, .spi = 0xa5c0ffffu },
		{ FROM_TO(PEER, US), UDP(61000, 5500), .spi = 0xa5c0ffffu },
	};
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	struct seen_events seen;
	struct ring_buffer *ring;

	needs_root();
	set_port("out0", &port);
	set_peer(PEER, false, true);
	set_acquired(0, 0);
	ring = open_events(&seen);
	for (size_t i = 0; i < COUNT(specs); i++) {
		const struct packet p = packet_make(&specs[i]);

		run_xdp("outside", "out0", &p);
		assert_int_equal(ring_buffer__consume(ring), 0);
	}
	set_peer(PEER, false, false);
	ring_buffer__free(ring);
}

/* What `outside` counts; NO_METADATA has a test of its own. */
static void test_every_reason_is_covered(void **state)
{
	static const enum xswan_drop reasons[] = { XSWAN_DROP_SPI_UNKNOWN, XSWAN_DROP_SA_ADDRESS,
						   XSWAN_DROP_ESP_TRUNCATED, XSWAN_DROP_NO_SOCKET, XSWAN_DROP_POLICY,
						   XSWAN_DROP_NO_POLICY };
	struct counters seen;

	needs_root();
	seen = read_counters();
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (!seen.n[reasons[i]])
			fail_msg("no test made a packet drop for %s", drop_name(reasons[i]));
}

int main(void)
{
	struct CMUnitTest tests[2 * COUNT(rows) + 8];
	size_t n;
	const struct CMUnitTest *of_rows = tests_of_rows(rows, COUNT(rows), test_row, true, &n);

	memset(tests, 0, sizeof(tests)); /* those of no name are not run */
	memcpy(tests, of_rows, n * sizeof(*of_rows));
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_truncation);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_queue);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_queue_beyond_range);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_metadata_replaced);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_room_for_metadata);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_spi_unknown);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_spi_unknown);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_every_reason_is_covered);
	return cmocka_run_group_tests(tests, setup, harness_teardown);
}
