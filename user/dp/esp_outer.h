/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the ESP library: outer headers of every SA but those of shape 0, which esp_seal.c and esp_open.c write and
 * read themselves.
 */
#ifndef XSWAN_DP_ESP_OUTER_H
#define XSWAN_DP_ESP_OUTER_H

#include "esp_sa.h"

/*
 * Sealing. Is there anything of this packet that only its SA's shape forbids? Sets head, fill and next. `in` is what
 * inner_parse said of it.
 */
enum xswan_drop esp_outer_check(const struct esp_sa *sa, struct esp_packet *p, const struct inner *in);
/*
 * Writes the headers before ESP to `data`, sa->outer_len bytes before p->data; `total` bytes in all follow from there.
 * In transport mode it moves the packet's own header there. Also writes the padding for traffic flow confidentiality.
 */
void esp_outer_write(const struct esp_sa *sa, uint8_t *data, const struct esp_packet *p, uint32_t total);
/*
 * IPv6 behaves as if DF were always set, but for what must get through whatever the path: a packet of up to 1280 bytes
 * that is larger than the SA's MTU.
 */
static inline bool esp_outer_df6(const struct esp_sa *sa, const struct esp_packet *p)
{
	return !sa->mtu || p->len <= sa->mtu;
}

/* Once the packet is sealed and p->data, p->len are those of the outer packet: a UDP checksum where one must be. */
void esp_outer_finish(const struct esp_sa *sa, struct esp_packet *p);

/* Opening. Finds the ESP header, or that of UDP, behind an IPv6 header that is the SA's. */
enum xswan_drop esp_outer_parse6(const struct esp_sa *sa, const struct esp_packet *p, uint32_t *offset, uint32_t *len);
/*
 * Opening, tunnel mode: the outer header's DSCP and ECN, as the SA has it; the inner packet is a good one. False: the
 * combination of ECN fields must be dropped.
 */
bool esp_outer_decapsulate(const struct esp_sa *sa, const uint8_t *outer, uint8_t *inner);
/*
 * Opening, transport mode: puts the packet's own IP header before the payload, which is *len bytes at `plain`, of
 * protocol `next`. Returns the packet, and in *len its length; NULL when the header is not the one that was parsed.
 */
uint8_t *esp_outer_rejoin(const struct esp_sa *sa, const struct esp_packet *p, uint8_t *plain, uint32_t *len,
			  uint8_t next);

#endif
