/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "wire.h"

static uint64_t boottime_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* The start of the transport header, l4 bytes into the packet: ports, or ICMP's type and code. */
static void read_ports(struct xswan_trace_packet *out, const uint8_t *data, uint32_t len, uint32_t l4)
{
	const uint8_t *at = data + l4;

	if (len < l4 + 4)
		return;
	if (out->proto == IPPROTO_ICMP || out->proto == IPPROTO_ICMPV6) {
		out->sport = out->dport = (uint16_t)(at[0] << 8 | at[1]);
	} else if (out->proto == IPPROTO_TCP || out->proto == IPPROTO_UDP || out->proto == IPPROTO_SCTP) {
		out->sport = (uint16_t)(at[0] << 8 | at[1]);
		out->dport = (uint16_t)(at[2] << 8 | at[3]);
	}
}

static void read_packet(struct xswan_trace_packet *out, const uint8_t *data, uint32_t len)
{
	const struct wire_ip4 *ip = (const struct wire_ip4 *)data;
	const struct wire_ip6 *ip6 = (const struct wire_ip6 *)data;

	*out = (struct xswan_trace_packet){ .len = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX) };
	if (len >= sizeof(*ip) && wire_version(data) == 4) {
		out->family = 4;
		out->proto = ip->proto;
		memcpy(out->src, &ip->src, sizeof(ip->src));
		memcpy(out->dst, &ip->dst, sizeof(ip->dst));
		if (!(ip->frag & htons(WIRE_IP4_OFFSET)))
			read_ports(out, data, len, wire_ip4_header_len(ip));
	} else if (len >= sizeof(*ip6) && wire_version(data) == 6) {
		out->family = 6;
		out->proto = ip6->next; /* extension headers are not followed */
		memcpy(out->src, ip6->src, sizeof(out->src));
		memcpy(out->dst, ip6->dst, sizeof(out->dst));
		read_ports(out, data, len, sizeof(*ip6));
	}
}

/* The listener may read the slot meanwhile: its number goes first and comes last. */
static void emit(struct worker *w, struct xswan_trace_event *event)
{
	const uint64_t number = ++w->traced;
	struct xswan_trace_event *slot = w->dp->programs.traced + (size_t)w->id * XSWAN_TRACE_SLOTS +
					 number % XSWAN_TRACE_SLOTS;

	event->worker = w->id;
	event->time = boottime_nanoseconds();
	event->number = 0;
	__atomic_store_n(&slot->number, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(slot, event, sizeof(*slot));
	__atomic_store_n(&slot->number, number, __ATOMIC_RELEASE);
}

static void emit_matching(struct worker *w, struct xswan_trace_event *event)
{
	if (xswan_trace_matches(w->dp->programs.trace->op, event))
		emit(w, event);
}

static void set_sa(struct xswan_trace_event *event, const struct esp_sa *sa)
{
	if (!sa)
		return;
	event->tunnel = esp_sa_config(sa)->tunnel;
	event->packet.spi = esp_sa_config(sa)->spi;
}

void trace_resume(struct worker *w)
{
	const struct xswan_trace_event *ring = w->dp->programs.traced + (size_t)w->id * XSWAN_TRACE_SLOTS;

	for (uint32_t i = 0; i < XSWAN_TRACE_SLOTS; i++)
		if (ring[i].number > w->traced)
			w->traced = ring[i].number;
}

void trace_batch(struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		read_packet(&b->headers[i], b->packets[i].data, b->packets[i].len);
}

/* The inner packet where there is one, else what came in from outside. */
static const struct xswan_trace_packet *known_headers(struct batch *b, uint32_t i)
{
	const struct esp_packet *p = &b->packets[i];

	if (b->direction == ESP_OPEN && p->drop == XSWAN_DROP_NONE)
		read_packet(&b->headers[i], p->data, p->len);
	return &b->headers[i];
}

static void set_outcome(const struct worker *w, struct xswan_trace_event *event)
{
	event->reason = w->dropped;
	if (w->dropped != XSWAN_DROP_NONE) {
		event->verdict = XSWAN_TRACE_DROP;
	} else if (!w->sent_on) {
		event->verdict = XSWAN_TRACE_KERNEL;
	} else {
		event->verdict = w->sent_on == w->dp->tunnel ? XSWAN_TRACE_HOST : XSWAN_TRACE_SENT;
		event->out_ifindex = w->sent_on->ifindex;
	}
}

void trace_land(struct worker *w, struct batch *b, uint32_t i, void (*send)(struct worker *w, struct esp_packet *p))
{
	struct esp_packet *p = &b->packets[i];
	struct xswan_trace_event event = {
		.place = b->direction == ESP_SEAL ? XSWAN_TRACE_SEAL : XSWAN_TRACE_OPEN,
		.seq = p->seq,
		.packet = *known_headers(b, i),
	};

	set_sa(&event, p->sa);
	w->dropped = XSWAN_DROP_NONE;
	w->sent_on = NULL;
	if (p->drop != XSWAN_DROP_NONE)
		worker_drop(w, p->data, p->drop);
	else
		send(w, p);
	set_outcome(w, &event);
	emit_matching(w, &event);
}

void trace_drop(struct worker *w, enum esp_direction direction, const struct port *from, const struct esp_packet *p,
		enum xswan_drop reason)
{
	struct xswan_trace_event event = {
		.place = direction == ESP_SEAL ? XSWAN_TRACE_SEAL : XSWAN_TRACE_OPEN,
		.verdict = XSWAN_TRACE_DROP,
		.reason = reason,
		.ifindex = from ? from->ifindex : 0,
	};

	if (p)
		read_packet(&event.packet, p->data, p->len);
	set_sa(&event, p ? p->sa : NULL);
	emit_matching(w, &event);
}
