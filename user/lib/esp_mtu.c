/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_mtu.h"

#include "esp_alg.h"

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define UDP_HEADER 8u
#define ESP_HEADER 8u /* SPI and sequence number */
#define ESP_TRAILER 2u /* pad length and next header */

static uint32_t ip_header(const struct xswan_sa *sa)
{
	return sa->family == 6 ? IPV6_HEADER : IPV4_HEADER;
}

/* Transport mode: of the packet's own bytes, those that stay outside; options are not known beforehand. */
static uint32_t kept(const struct xswan_sa *sa)
{
	return sa->mode == XSWAN_MODE_TRANSPORT ? ip_header(sa) : 0;
}

/* All but what is encrypted and the header that is kept. */
static uint32_t fixed_overhead(const struct xswan_sa *sa, const struct esp_alg *alg)
{
	uint32_t ip = sa->mode == XSWAN_MODE_TRANSPORT ? 0 : ip_header(sa);
	uint32_t udp = sa->flags & XSWAN_SA_UDP_ENCAP ? UDP_HEADER : 0;

	return ip + udp + ESP_HEADER + alg->iv_len + alg->icv_len;
}

uint32_t esp_mtu_overhead(const struct xswan_sa *sa, uint32_t inner_len)
{
	const struct esp_alg *alg = esp_alg(sa->alg);
	uint32_t plain = inner_len - kept(sa), encrypted;

	if (!alg)
		return 0;
	encrypted = (plain + ESP_TRAILER + alg->align - 1) & ~(alg->align - 1u);
	return fixed_overhead(sa, alg) + encrypted - plain;
}

uint32_t esp_mtu_inner(const struct xswan_sa *sa, uint32_t path_mtu)
{
	const struct esp_alg *alg = esp_alg(sa->alg);
	uint32_t fixed = alg ? fixed_overhead(sa, alg) + kept(sa) : 0;

	if (!alg || path_mtu < fixed + alg->align)
		return 0;
	return ((path_mtu - fixed) & ~(alg->align - 1u)) - ESP_TRAILER + kept(sa);
}
