/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_mtu.h"

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define UDP_HEADER 8u
#define ESP_HEADER 8u /* SPI and sequence number */
#define ESP_IV 8u
#define ESP_ICV 16u
#define ESP_TRAILER 2u /* pad length and next header */
#define ESP_ALIGN 4u

static uint32_t fixed_overhead(const struct xswan_sa *sa)
{
	uint32_t ip = sa->family == 6 ? IPV6_HEADER : IPV4_HEADER;
	uint32_t udp = sa->flags & XSWAN_SA_UDP_ENCAP ? UDP_HEADER : 0;

	return ip + udp + ESP_HEADER + ESP_IV + ESP_ICV;
}

uint32_t esp_mtu_overhead(const struct xswan_sa *sa, uint32_t inner_len)
{
	uint32_t encrypted = (inner_len + ESP_TRAILER + ESP_ALIGN - 1) & ~(ESP_ALIGN - 1);

	return fixed_overhead(sa) + encrypted - inner_len;
}

uint32_t esp_mtu_inner(const struct xswan_sa *sa, uint32_t path_mtu)
{
	uint32_t fixed = fixed_overhead(sa);

	if (path_mtu < fixed + ESP_ALIGN)
		return 0;
	return ((path_mtu - fixed) & ~(ESP_ALIGN - 1)) - ESP_TRAILER;
}
