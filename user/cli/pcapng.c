/* SPDX-License-Identifier: Apache-2.0 */
#include "pcapng.h"

#include <string.h>

#define OPTIONS_MAX 512u
#define TEXT_MAX 128u
#define LINKTYPE_RAW 101u /* IPv4 or IPv6, without a link header */
#define BYTE_ORDER_MAGIC 0x1a2b3c4du /* the reader sees by it that we write as it is in memory */

enum block_type { INTERFACE = 1, STATISTICS = 5, PACKET = 6, SECTION = 0x0a0d0d0a };
enum option { END = 0, COMMENT = 1 }; /* of any block; the others by block: */
enum { SHB_USERAPPL = 4 };
enum { IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9 };
enum { EPB_FLAGS = 2 };
enum { ISB_STARTTIME = 2, ISB_ENDTIME = 3, ISB_IFRECV = 4, ISB_IFDROP = 5 };
enum { EPB_INBOUND = 1, EPB_OUTBOUND = 2 };

struct options {
	uint8_t bytes[OPTIONS_MAX];
	uint32_t len;
};

struct high_low {
	uint32_t high, low;
};

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

static struct high_low split(uint64_t n)
{
	return (struct high_low){ (uint32_t)(n >> 32), (uint32_t)n };
}

static void put(struct options *o, uint16_t code, const void *value, uint16_t len)
{
	const uint16_t head[2] = { code, len };

	memcpy(o->bytes + o->len, head, sizeof(head));
	memcpy(o->bytes + o->len + sizeof(head), value, len);
	o->len += sizeof(head) + padded(len); /* zeroed before */
}

/* Texts are not terminated; what is longer is cut. */
static void put_text(struct options *o, uint16_t code, const char *text)
{
	if (text)
		put(o, code, text, (uint16_t)strnlen(text, TEXT_MAX));
}

/* A block is its type and length, fields, perhaps a packet, options, and its length again. */
static void write_block(FILE *out, enum block_type type, const void *fields, uint32_t fields_len, const void *data,
			uint32_t data_len, struct options *o)
{
	static const uint8_t zero[4];
	uint32_t head[2];

	put(o, END, NULL, 0);
	head[0] = type;
	head[1] = sizeof(head) + fields_len + padded(data_len) + o->len + sizeof(head[1]);
	fwrite(head, sizeof(head), 1, out);
	fwrite(fields, fields_len, 1, out);
	fwrite(data, 1, data_len, out);
	fwrite(zero, 1, padded(data_len) - data_len, out);
	fwrite(o->bytes, o->len, 1, out);
	fwrite(&head[1], sizeof(head[1]), 1, out);
}

void pcapng_begin(FILE *out, const char *application)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t length[2]; /* of the section: not known */
	} fields = { BYTE_ORDER_MAGIC, 1, 0, { UINT32_MAX, UINT32_MAX } };
	struct options o = { 0 };

	put_text(&o, SHB_USERAPPL, application);
	write_block(out, SECTION, &fields, sizeof(fields), "", 0, &o);
}

void pcapng_add_interface(FILE *out, const char *name, const char *description, uint32_t snaplen)
{
	const struct {
		uint16_t link, reserved;
		uint32_t snaplen;
	} fields = { LINKTYPE_RAW, 0, snaplen };
	const uint8_t nanoseconds = 9;
	struct options o = { 0 };

	put_text(&o, IF_NAME, name);
	put_text(&o, IF_DESCRIPTION, description);
	put(&o, IF_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	write_block(out, INTERFACE, &fields, sizeof(fields), "", 0, &o);
}

void pcapng_add_packet(FILE *out, const struct pcapng_packet *p)
{
	const struct {
		uint32_t interface;
		struct high_low time;
		uint32_t caplen, len;
	} fields = { p->interface, split(p->time), p->caplen, p->len };
	const uint32_t flags = p->outbound ? EPB_OUTBOUND : EPB_INBOUND;
	struct options o = { 0 };

	put_text(&o, COMMENT, p->comment);
	put(&o, EPB_FLAGS, &flags, sizeof(flags));
	write_block(out, PACKET, &fields, sizeof(fields), p->data, p->caplen, &o);
}

void pcapng_add_statistics(FILE *out, uint32_t interface, const struct pcapng_statistics *s)
{
	const struct {
		uint32_t interface;
		struct high_low time;
	} fields = { interface, split(s->end) };
	const struct high_low begin = split(s->begin), end = split(s->end);
	struct options o = { 0 };

	put(&o, ISB_STARTTIME, &begin, sizeof(begin));
	put(&o, ISB_ENDTIME, &end, sizeof(end));
	put(&o, ISB_IFRECV, &s->received, sizeof(s->received));
	put(&o, ISB_IFDROP, &s->dropped, sizeof(s->dropped));
	write_block(out, STATISTICS, &fields, sizeof(fields), "", 0, &o);
}
