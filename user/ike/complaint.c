/* SPDX-License-Identifier: Apache-2.0 */
#include "complaint.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "exchange.h"

bool complaint_may(struct ike_sa *sa)
{
	struct engine *e = sa->engine;

	return ike_sa_in(sa, PHASE_ESTABLISHED) && (!sa->complaint.at || e->now - sa->complaint.at >= COMPLAINT_INTERVAL) &&
	       budget_take(&e->budget, e->now);
}

void complaint_send(struct ike_sa *sa, uint16_t notify, uint32_t spi, struct span packet)
{
	struct complaint *c = &sa->complaint;

	*c = (struct complaint){ .notify = notify, .spi = spi, .at = sa->engine->now };
	c->len = (uint32_t)(packet.len < sizeof(c->packet) ? packet.len : sizeof(c->packet));
	if (c->len)
		memcpy(c->packet, packet.data, c->len);
	window_want(sa, exchange_notify);
	timers_set(&sa->engine->timers, &sa->timer, 0);
}

/* Of the two only INVALID_SELECTORS names its SA in the SPI field; INVALID_SPI is about none that there is. */
void complaint_write(const struct complaint *c, struct chain *chain)
{
	const uint32_t spi = htonl(c->spi);

	if (c->notify == NOTIFY_INVALID_SELECTORS)
		chain_notify_spi(chain, c->notify, c->spi, (struct span){ c->packet, c->len });
	else
		chain_notify(chain, PROTOCOL_NONE, c->notify, &spi, sizeof(spi));
}

void engine_stray_packet(struct engine *e, uint64_t sink_id, struct span packet, uint64_t now)
{
	char text[PACKET_TEXT];
	struct ike_sa *sa;
	const struct child *child = child_find_sink(e, sink_id, &sa);

	e->now = now;
	if (!child || !complaint_may(sa))
		return;
	ike_sa_log(sa, LOG_LEVEL_WARN,
		   "a packet came by Child SA %s{%u} that is outside its traffic selectors: %s: telling the peer "
		   "(INVALID_SELECTORS)",
		   child->conf->name, child->uniqueid, packet_format(packet, text));
	complaint_send(sa, NOTIFY_INVALID_SELECTORS, child->spi_in, packet);
}

static struct addr take_addr(struct cursor *c, uint8_t family)
{
	struct addr addr = { .family = family };
	const size_t len = addr_len(&addr);
	struct span ip = cursor_take(c, len);

	if (ip.len == len)
		memcpy(addr.ip, ip.data, len);
	return addr;
}

static int format_addresses(struct cursor *c, uint8_t family, char out[static PACKET_TEXT])
{
	const struct addr from = take_addr(c, family), to = take_addr(c, family);
	char a[ADDR_TEXT], b[ADDR_TEXT];

	return snprintf(out, PACKET_TEXT, "%s > %s", addr_format(&from, a), addr_format(&to, b));
}

/* Ports are told of what has them right behind the IP header, and of first fragments. */
static void format_next(struct cursor *c, uint8_t protocol, bool first, char *out, size_t size)
{
	const char *name = protocol == IPPROTO_UDP ? "UDP" : protocol == IPPROTO_TCP ? "TCP" : NULL;

	if (first && name && cursor_left(c) >= 4) {
		const unsigned int from = cursor_u16(c), to = cursor_u16(c);

		snprintf(out, size, ", %s %u > %u", name, from, to);
	} else {
		snprintf(out, size, ", protocol %u", protocol);
	}
}

const char *packet_format(struct span packet, char out[static PACKET_TEXT])
{
	struct cursor c = cursor_over(packet);
	const uint8_t first = cursor_u8(&c), header = (uint8_t)(4 * (first & 15));
	bool unfragmented = true;
	uint8_t protocol;
	int at;

	if (first >> 4 == 4 && header >= 20) {
		cursor_take(&c, 5);
		unfragmented = !(cursor_u16(&c) & 0x1fff);
		cursor_take(&c, 1);
		protocol = cursor_u8(&c);
		cursor_take(&c, 2);
		at = format_addresses(&c, 4, out);
		cursor_take(&c, header - 20u);
	} else {
		cursor_take(&c, 5);
		protocol = cursor_u8(&c);
		cursor_take(&c, 1);
		at = format_addresses(&c, 6, out);
		c.error |= first >> 4 != 6;
	}
	if (c.error)
		snprintf(out, PACKET_TEXT, "not to be told what it is");
	else
		format_next(&c, protocol, unfragmented, out + at, (size_t)(PACKET_TEXT - at));
	return out;
}
