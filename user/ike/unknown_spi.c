/* SPDX-License-Identifier: Apache-2.0 */
#include "unknown_spi.h"

#include "child.h"
#include "complaint.h"
#include "ike_sa_index.h"

void ended_spis_add(struct ended_spis *ended, uint32_t spi, uint64_t now)
{
	ended->list[ended->next] = (struct ended_spi){ .spi = spi, .at = now };
	ended->next = (ended->next + 1) % ENDED_SPIS;
}

bool ended_spis_may_have(const struct ended_spis *ended, uint32_t spi, uint64_t now)
{
	const struct ended_spi *oldest = &ended->list[ended->next];

	if (oldest->spi && now - oldest->at < SPI_GRACE)
		return true;
	for (int i = 0; i < ENDED_SPIS; i++)
		if (ended->list[i].spi == spi && now - ended->list[i].at < SPI_GRACE)
			return true;
	return false;
}

/* Also one that is still being negotiated: ESP may overtake the answer that it needs. */
static bool has_spi(const struct ike_sa *sa, uint32_t spi)
{
	const struct child *child = sa->children;

	while (child && child->spi_in != spi)
		child = child->next;
	return child;
}

/* Behind a NAT there may be many; the port tells them apart. */
static bool is_from(const struct ike_sa *sa, const struct endpoint *from)
{
	if (!ike_sa_in(sa, PHASE_ESTABLISHED) || !addr_equal(&sa->remote.addr, &from->addr))
		return false;
	return from->port ? from->port == sa->remote.port : !ike_sa_encap(sa);
}

static void tell(struct ike_sa *sa, uint32_t spi)
{
	if (!complaint_may(sa))
		return;
	ike_sa_log(sa, LOG_LEVEL_WARN,
		   "ESP came for SPI %08x, which no SA here has: telling the peer (INVALID_SPI)", spi);
	complaint_send(sa, NOTIFY_INVALID_SPI, spi, (struct span){ 0 });
}

void engine_unknown_spi(struct engine *e, const struct endpoint *from, uint32_t spi, uint64_t now)
{
	e->now = now;
	if (ended_spis_may_have(&e->ended_spis, spi, now))
		return;
	for (struct ike_sa *sa = NULL; (sa = ike_sa_of_addr(e, &from->addr, sa));)
		if (has_spi(sa, spi))
			return;
	for (struct ike_sa *sa = NULL; (sa = ike_sa_of_addr(e, &from->addr, sa));)
		if (is_from(sa, from))
			tell(sa, spi);
}
