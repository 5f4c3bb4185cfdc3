/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "../lib/counters.h"
#include "../lib/paint.h"

#define X(id, name, text) name,
static const char *const place_name[] = { XSWAN_TRACE_PLACES(X) };
#undef X

static const char *const verdict_name[] = {
	[XSWAN_TRACE_PASS] = "pass", [XSWAN_TRACE_DROP] = "drop", [XSWAN_TRACE_WORKER] = "worker",
	[XSWAN_TRACE_INTO_TUNNEL] = "into-tunnel", [XSWAN_TRACE_SENT] = "sent", [XSWAN_TRACE_HOST] = "host",
	[XSWAN_TRACE_KERNEL] = "kernel",
};

static const char *const verdict_text[] = {
	[XSWAN_TRACE_PASS] = "left to the kernel", [XSWAN_TRACE_DROP] = "DROPPED", [XSWAN_TRACE_WORKER] = "to a worker",
	[XSWAN_TRACE_INTO_TUNNEL] = "into the tunnel interface", [XSWAN_TRACE_SENT] = "sent",
	[XSWAN_TRACE_HOST] = "to the host", [XSWAN_TRACE_KERNEL] = "sent the kernel's way",
};

static const char *known(const char *text)
{
	return text && text[0] ? text : NULL;
}

/* Another version of the dataplane may know more than we do. */
static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
	return value < count && names[value] ? names[value] : "?";
}
#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof(names[0]), value)

static const char *protocol(const struct xswan_trace_packet *p, char out[static 8])
{
	switch (p->proto) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmp6";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ESP:
		return "esp";
	case IPPROTO_SCTP:
		return "sctp";
	}
	snprintf(out, 8, "%u", p->proto);
	return out;
}

static bool has_ports(const struct xswan_trace_packet *p)
{
	return p->sport && (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_SCTP);
}

static bool is_icmp(const struct xswan_trace_packet *p)
{
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

static const char *address(const struct xswan_trace_packet *p, const __u8 *addr, char out[static INET6_ADDRSTRLEN])
{
	return inet_ntop(p->family == 6 ? AF_INET6 : AF_INET, addr, out, INET6_ADDRSTRLEN);
}

static void put_packet(const struct xswan_trace_packet *p, FILE *out)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], number[8];

	if (!p->family) {
		fputs("packet that cannot be read", out);
		return;
	}
	fprintf(out, "%s %s", protocol(p, number), address(p, p->src, src));
	if (has_ports(p))
		fprintf(out, "[%u]", p->sport);
	fprintf(out, " > %s", address(p, p->dst, dst));
	if (has_ports(p))
		fprintf(out, "[%u]", p->dport);
	if (is_icmp(p))
		fprintf(out, " type %u code %u", p->sport >> 8, p->sport & 0xff);
	fprintf(out, ", %u bytes", p->len);
}

static void put_time(double time, FILE *out)
{
	const time_t seconds = (time_t)time;
	struct tm local;
	char text[16];

	localtime_r(&seconds, &local);
	strftime(text, sizeof(text), "%H:%M:%S", &local);
	fprintf(out, "%s.%06d ", text, (int)((time - floor(time)) * 1e6));
}

static bool is_worker(const struct xswan_trace_event *event)
{
	return event->place == XSWAN_TRACE_SEAL || event->place == XSWAN_TRACE_OPEN;
}

void trace_print(const struct xswan_trace_event *event, const struct trace_names *names, FILE *out, bool colour)
{
	char where[32];

	put_time(names->time, out);
	if (is_worker(event))
		snprintf(where, sizeof(where), "worker %u", event->worker);
	else
		snprintf(where, sizeof(where), "%s", known(names->device) ? names->device : "?");
	fprintf(out, "%-7s %-10s ", NAME_OF(place_name, event->place), where);
	put_packet(&event->packet, out);
	if (known(names->tunnel))
		fprintf(out, ", %s", names->tunnel);
	if (event->packet.spi)
		fprintf(out, ", SPI %08" PRIx32, ntohl(event->packet.spi));
	if (event->seq)
		fprintf(out, " seq %" PRIu64, (uint64_t)event->seq);
	fputs(": ", out);
	paint_printf(out, colour, event->verdict == XSWAN_TRACE_DROP ? PAINT_BAD : PAINT_PLAIN, "%s",
		     NAME_OF(verdict_text, event->verdict));
	if (event->verdict == XSWAN_TRACE_DROP && event->reason < XSWAN_DROP_COUNT)
		fprintf(out, ": %s (%s)", counters_drop_name[event->reason], counters_drop_text[event->reason]);
	if (event->verdict == XSWAN_TRACE_SENT)
		fprintf(out, " on %s", known(names->out_device) ? names->out_device : "?");
	putc('\n', out);
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (known(text))
		json_object_set_new(object, key, json_string(text));
}

static void set_packet(json_t *object, const struct xswan_trace_packet *p)
{
	char text[INET6_ADDRSTRLEN], number[8];

	if (!p->family)
		return;
	json_object_set_new(object, "proto", json_string(protocol(p, number)));
	json_object_set_new(object, "src", json_string(address(p, p->src, text)));
	json_object_set_new(object, "dst", json_string(address(p, p->dst, text)));
	json_object_set_new(object, "len", json_integer(p->len));
	if (has_ports(p)) {
		json_object_set_new(object, "sport", json_integer(p->sport));
		json_object_set_new(object, "dport", json_integer(p->dport));
	}
	if (is_icmp(p)) {
		json_object_set_new(object, "type", json_integer(p->sport >> 8));
		json_object_set_new(object, "code", json_integer(p->sport & 0xff));
	}
}

json_t *trace_json(const struct xswan_trace_event *event, const struct trace_names *names)
{
	json_t *object = json_pack("{s:f, s:s, s:s}", "time", names->time, "place", NAME_OF(place_name, event->place),
				   "verdict", NAME_OF(verdict_name, event->verdict));

	set_packet(object, &event->packet);
	set_text(object, "device", names->device);
	set_text(object, "out", names->out_device);
	set_text(object, "tunnel", names->tunnel);
	if (is_worker(event))
		json_object_set_new(object, "worker", json_integer(event->worker));
	if (event->packet.spi)
		json_object_set_new(object, "spi", json_sprintf("%08" PRIx32, ntohl(event->packet.spi)));
	if (event->seq)
		json_object_set_new(object, "seq", json_integer((json_int_t)event->seq));
	if (event->verdict == XSWAN_TRACE_DROP && event->reason < XSWAN_DROP_COUNT) {
		set_text(object, "reason", counters_drop_name[event->reason]);
		set_text(object, "text", counters_drop_text[event->reason]);
	}
	return object;
}
