/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"

#define WORD_MAX 64
#define NESTING_MAX 16

struct parser {
	const char *text, *next; /* behind the word */
	const char *start; /* of the word */
	char word[WORD_MAX]; /* "" at the end */
	struct xswan_trace_op *ops;
	uint32_t count;
	int nesting;
	bool failed;
	size_t at;
	char *why;
	size_t why_size;
};

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", IPPROTO_ICMP }, { "icmp6", IPPROTO_ICMPV6 }, { "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },   { "esp", IPPROTO_ESP },      { "sctp", IPPROTO_SCTP },
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* The first mistake is the one that is told. */
static void fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct parser *p, const char *fmt, ...)
{
	va_list args;

	if (p->failed)
		return;
	p->failed = true;
	p->at = (size_t)(p->start - p->text);
	va_start(args, fmt);
	vsnprintf(p->why, p->why_size, fmt, args);
	va_end(args);
}

static void advance(struct parser *p)
{
	const char *end;
	size_t len;

	p->start = p->next + strspn(p->next, " \t\n");
	end = p->start;
	if (*end == '(' || *end == ')')
		end++;
	else
		end += strcspn(end, " \t\n()");
	len = (size_t)(end - p->start);
	p->next = end;
	if (len >= sizeof(p->word)) {
		fail(p, "a word of %zu characters", len);
		len = 0;
	}
	memcpy(p->word, p->start, len);
	p->word[len] = '\0';
}

static bool accept_word(struct parser *p, const char *word)
{
	if (p->failed || strcmp(p->word, word))
		return false;
	advance(p);
	return true;
}

static const char *shown(const struct parser *p)
{
	return p->word[0] ? p->word : "the end";
}

static void emit(struct parser *p, struct xswan_trace_op op)
{
	if (p->count == XSWAN_TRACE_OPS)
		fail(p, "too long: more than %u operations", XSWAN_TRACE_OPS);
	if (!p->failed)
		p->ops[p->count++] = op;
}

static void emit_kind(struct parser *p, enum xswan_trace_op_kind kind)
{
	emit(p, (struct xswan_trace_op){ .kind = kind });
}

/* ---- primitives ---- */

/* As source, as destination, or as either. */
static void emit_directed(struct parser *p, const char *direction, struct xswan_trace_op op,
			  enum xswan_trace_op_kind source, enum xswan_trace_op_kind destination)
{
	op.kind = source;
	if (strcmp(direction, "dst"))
		emit(p, op);
	op.kind = destination;
	if (strcmp(direction, "src"))
		emit(p, op);
	if (!direction[0])
		emit_kind(p, XSWAN_TRACE_OP_OR);
}

static bool number(struct parser *p, unsigned long max, int base, const char *what, uint32_t *out)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(p->word, &end, base);
	if (!isxdigit((unsigned char)p->word[0]) || *end || errno || value > max) {
		fail(p, "expected %s, not %s", what, shown(p));
		return false;
	}
	*out = (uint32_t)value;
	advance(p);
	return true;
}

static void set_mask(struct xswan_trace_op *op, uint32_t bits)
{
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t part = bits > 32 * i ? bits - 32 * i : 0;

		op->mask[i] = part >= 32 ? UINT32_MAX : part ? htonl(UINT32_MAX << (32 - part)) : 0;
		op->addr[i] &= op->mask[i];
	}
}

static void parse_address(struct parser *p, const char *direction, bool net)
{
	const char *what = net ? "a prefix like 10.1.0.0/16" : "an address";
	char *slash = strchr(p->word, '/'), *end = NULL;
	struct xswan_trace_op op = { 0 };
	unsigned long bits;

	if ((slash != NULL) != net)
		goto wrong;
	if (slash)
		*slash = '\0';
	op.family = inet_pton(AF_INET, p->word, op.addr) == 1 ? 4 : inet_pton(AF_INET6, p->word, op.addr) == 1 ? 6 : 0;
	bits = op.family == 4 ? 32 : 128;
	if (slash) {
		const unsigned long longest = bits;

		*slash = '/';
		bits = strtoul(slash + 1, &end, 10);
		if (!isdigit((unsigned char)slash[1]) || *end || bits > longest)
			goto wrong;
	}
	if (!op.family)
		goto wrong;
	set_mask(&op, (uint32_t)bits);
	advance(p);
	emit_directed(p, direction, op, XSWAN_TRACE_OP_SRC, XSWAN_TRACE_OP_DST);
	return;
wrong:
	fail(p, "expected %s, not %s", what, shown(p));
}

static void parse_port(struct parser *p, const char *direction)
{
	struct xswan_trace_op op = { 0 };

	if (number(p, 65535, 10, "a port number", &op.value))
		emit_directed(p, direction, op, XSWAN_TRACE_OP_SPORT, XSWAN_TRACE_OP_DPORT);
}

static bool parse_protocol(struct parser *p)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (accept_word(p, protocols[i].name)) {
			emit(p, (struct xswan_trace_op){ .kind = XSWAN_TRACE_OP_PROTO, .value = protocols[i].number });
			return true;
		}
	return false;
}

static void parse_proto(struct parser *p)
{
	struct xswan_trace_op op = { .kind = XSWAN_TRACE_OP_PROTO };

	if (!parse_protocol(p) && number(p, 255, 10, "a protocol, by number or as icmp, icmp6, tcp, udp, esp, sctp", &op.value))
		emit(p, op);
}

static void parse_spi(struct parser *p)
{
	const int base = strlen(p->word) == 8 ? 16 : 0;
	struct xswan_trace_op op = { .kind = XSWAN_TRACE_OP_SPI };

	if (number(p, UINT32_MAX, base, "an SPI, as c0de0001 or 0xc0de", &op.value))
		emit(p, op);
}

static bool ends_primitive(const struct parser *p)
{
	return !p->word[0] || !strcmp(p->word, "and") || !strcmp(p->word, "or") || !strcmp(p->word, ")");
}

static void parse_drop(struct parser *p)
{
	struct xswan_trace_op op = { .kind = XSWAN_TRACE_OP_DROP };

	if (!ends_primitive(p)) {
		for (uint32_t i = XSWAN_DROP_NONE + 1; i < XSWAN_DROP_COUNT; i++)
			if (!strcmp(p->word, counters_drop_name[i]))
				op.value = i;
		if (!op.value) {
			fail(p, "no reason for drops is called %s: xswan drops --json shows them all", p->word);
			return;
		}
		advance(p);
	}
	emit(p, op);
}

static void parse_primitive(struct parser *p)
{
	const char *direction = accept_word(p, "src") ? "src" : accept_word(p, "dst") ? "dst" : "";

	if (accept_word(p, "host"))
		parse_address(p, direction, false);
	else if (accept_word(p, "net"))
		parse_address(p, direction, true);
	else if (accept_word(p, "port"))
		parse_port(p, direction);
	else if (direction[0])
		fail(p, "expected host, net or port after %s, not %s", direction, shown(p));
	else if (accept_word(p, "proto"))
		parse_proto(p);
	else if (accept_word(p, "spi"))
		parse_spi(p);
	else if (accept_word(p, "drop"))
		parse_drop(p);
	else if (accept_word(p, "ip"))
		emit(p, (struct xswan_trace_op){ .kind = XSWAN_TRACE_OP_FAMILY, .value = 4 });
	else if (accept_word(p, "ip6"))
		emit(p, (struct xswan_trace_op){ .kind = XSWAN_TRACE_OP_FAMILY, .value = 6 });
	else if (!parse_protocol(p))
		fail(p, "expected host, net, port, src, dst, proto, spi, drop, ip, ip6 or a protocol, not %s", shown(p));
}

/* ---- expressions ---- */

static void parse_expression(struct parser *p);

static void parse_factor(struct parser *p)
{
	if (++p->nesting > NESTING_MAX)
		fail(p, "nested too deeply: more than %d levels", NESTING_MAX);
	if (p->failed) {
		/* enough */
	} else if (accept_word(p, "not")) {
		parse_factor(p);
		emit_kind(p, XSWAN_TRACE_OP_NOT);
	} else if (accept_word(p, "(")) {
		parse_expression(p);
		if (!accept_word(p, ")"))
			fail(p, "expected ), not %s", shown(p));
	} else {
		parse_primitive(p);
	}
	p->nesting--;
}

static void parse_term(struct parser *p)
{
	parse_factor(p);
	while (accept_word(p, "and")) {
		parse_factor(p);
		emit_kind(p, XSWAN_TRACE_OP_AND);
	}
}

static void parse_expression(struct parser *p)
{
	parse_term(p);
	while (accept_word(p, "or")) {
		parse_term(p);
		emit_kind(p, XSWAN_TRACE_OP_OR);
	}
}

int trace_filter_compile(struct xswan_trace_op ops[static XSWAN_TRACE_OPS], const char *text, size_t *at, char *why,
			 size_t why_size)
{
	struct parser p = { .text = text, .next = text, .ops = ops, .why = why, .why_size = why_size };

	memset(ops, 0, XSWAN_TRACE_OPS * sizeof(*ops));
	advance(&p);
	if (p.word[0])
		parse_expression(&p);
	if (!p.failed && p.word[0])
		fail(&p, "expected and, or, or the end, not %s", shown(&p));
	*at = p.at;
	return p.failed ? -EINVAL : 0;
}
