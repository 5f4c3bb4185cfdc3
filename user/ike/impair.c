/* SPDX-License-Identifier: Apache-2.0 */
#include "impair.h"

#ifdef XSWAN_IMPAIR

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

#define NEXT_AT 16
#define VERSION_AT 17
#define EXCHANGE_AT 18
#define FLAGS_AT 19
#define LENGTH_LOW_AT 27
#define CRITICAL 0x80
#define TYPE_UNKNOWN 200 /* reserved to IANA, and to nobody's use */
#define NOTIFY_UNKNOWN 40000

const char *const impairment_name[IMPAIR_COUNT] = {
#define X(id, name, text) [IMPAIR_REQUEST_##id] = "request-" name, [IMPAIR_RESPONSE_##id] = "response-" name,
	IKE_MESSAGE_IMPAIRMENTS(X)
#undef X
#define X(id, name, text) [IMPAIR_##id] = name,
	IKE_OTHER_IMPAIRMENTS(X)
#undef X
};

static int find_name(const char *text, size_t len)
{
	for (int i = 0; i < IMPAIR_COUNT; i++)
		if (strlen(impairment_name[i]) == len && !strncmp(impairment_name[i], text, len))
			return i;
	return -EINVAL;
}

static int find_exchange(const char *text, size_t len)
{
	static const struct {
		const char *name;
		uint8_t type;
	} exchanges[] = { { "ike_sa_init", IKE_SA_INIT },
			  { "ike_auth", IKE_AUTH },
			  { "create_child_sa", CREATE_CHILD_SA },
			  { "informational", INFORMATIONAL } };

	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++)
		if (strlen(exchanges[i].name) == len && !strncmp(exchanges[i].name, text, len))
			return exchanges[i].type;
	return -EINVAL;
}

static int read_times(const char *text, unsigned int *times)
{
	char *end;
	unsigned long n;

	if (!strcmp(text, "always")) {
		*times = UINT_MAX;
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || !n || n >= UINT_MAX)
		return -EINVAL;
	*times = n;
	return 0;
}

int engine_impair(struct engine *e, const char *text)
{
	const size_t name = strcspn(text, ":="), all = strcspn(text, "=");
	struct impairments *im = &e->impairments;
	int what = find_name(text, name), exchange = 0;
	unsigned int times = 1;

	if (all > name)
		exchange = find_exchange(text + name + 1, all - name - 1);
	if (what < 0 || exchange < 0 || (text[all] && read_times(text + all + 1, &times)))
		return -EINVAL;
	if (im->count == IMPAIR_ARMED)
		return -ENOSPC;
	im->armed[im->count].what = what;
	im->armed[im->count].exchange = exchange;
	im->armed[im->count++].left = times;
	return 0;
}

bool impaired(struct engine *e, enum impairment what, uint8_t exchange)
{
	struct impairments *im = &e->impairments;

	for (int i = 0; i < im->count; i++) {
		if (im->armed[i].what != what || !im->armed[i].left ||
		    (im->armed[i].exchange && im->armed[i].exchange != exchange))
			continue;
		if (im->armed[i].left != UINT_MAX)
			im->armed[i].left--;
		engine_log(e, LOG_LEVEL_INFO, NULL, 0, "impaired: %s", impairment_name[what]);
		return true;
	}
	return false;
}

/* For a request of ours or for a response. */
static bool message_impaired(struct engine *e, enum impairment request, const uint8_t *header)
{
	return impaired(e, request + !!(header[FLAGS_AT] & IKE_FLAG_RESPONSE), header[EXCHANGE_AT]);
}

/* The body of the first payload of this type in a message that is not sealed yet; empty: there is none. */
static struct span find_payload(struct message *m, uint8_t type)
{
	size_t at = IKE_HEADER;
	uint8_t next = m->buf[NEXT_AT];

	while (at + PAYLOAD_HEADER <= m->w.len && next != PAYLOAD_TYPE_NONE) {
		const size_t len = m->buf[at + 2] << 8 | m->buf[at + 3];
		const uint8_t this = next;

		next = m->buf[at];
		if (this == PAYLOAD_TYPE_SK) {
			at += PAYLOAD_HEADER;
			continue;
		}
		if (this == type && len >= PAYLOAD_HEADER && at + len <= m->w.len)
			return (struct span){ m->buf + at + PAYLOAD_HEADER, len - PAYLOAD_HEADER };
		at += len ? len : PAYLOAD_HEADER;
	}
	return (struct span){ 0 };
}

static void spoil_payloads(struct engine *e, struct message *m)
{
	const uint8_t exchange = m->buf[EXCHANGE_AT];
	struct span auth = find_payload(m, PAYLOAD_TYPE_AUTH), ke = find_payload(m, PAYLOAD_TYPE_KE);

	if (auth.len && impaired(e, IMPAIR_AUTH_WRONG, exchange))
		m->buf[auth.data + auth.len - 1 - m->buf] ^= 1;
	if (auth.len && m->buf[FLAGS_AT] & IKE_FLAG_RESPONSE && impaired(e, IMPAIR_AUTH_SYNTAX, exchange))
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_INVALID_SYNTAX, NULL, 0);
	if (ke.len > 4 && impaired(e, IMPAIR_KE_ZERO, exchange))
		memset(m->buf + (ke.data - m->buf) + 4, 0, ke.len - 4);
}

static void add_payload(struct message *m, bool critical)
{
	chain_begin(&m->chain, TYPE_UNKNOWN);
	writer_u32(&m->w, 0);
	chain_end(&m->chain);
	if (critical)
		m->buf[m->chain.start + 1] |= CRITICAL;
}

void impair_message(struct engine *e, struct message *m)
{
	spoil_payloads(e, m);
	if (message_impaired(e, IMPAIR_REQUEST_MINOR, m->buf))
		m->buf[VERSION_AT] |= 1;
	if (message_impaired(e, IMPAIR_REQUEST_UNKNOWN, m->buf))
		add_payload(m, false);
	if (message_impaired(e, IMPAIR_REQUEST_CRITICAL, m->buf))
		add_payload(m, true);
	if (message_impaired(e, IMPAIR_REQUEST_STATUS, m->buf))
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_UNKNOWN, "?", 1);
	if (message_impaired(e, IMPAIR_REQUEST_RESERVED, m->buf)) {
		m->buf[FLAGS_AT] |= 0x47; /* all that RFC 7296 section 3.1 does not know, but the version flag */
		m->buf[m->chain.start + 1] |= 0x7f;
	}
}

bool impair_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote, struct span data)
{
	uint8_t copy[IKE_DATAGRAM_MAX];
	size_t len = data.len;

	if (len < IKE_HEADER || len > sizeof(copy))
		return false;
	if (message_impaired(e, IMPAIR_REQUEST_LOST, data.data))
		return true;
	memcpy(copy, data.data, len);
	if (message_impaired(e, IMPAIR_REQUEST_CORRUPT, data.data))
		copy[len - 1] ^= 1;
	if (message_impaired(e, IMPAIR_REQUEST_CUT, data.data))
		len -= 4;
	if (message_impaired(e, IMPAIR_REQUEST_LONG, data.data))
		copy[LENGTH_LOW_AT] += 4;
	if (message_impaired(e, IMPAIR_REQUEST_MAJOR, data.data))
		copy[VERSION_AT] = 0x30;
	if (message_impaired(e, IMPAIR_REQUEST_TWICE, data.data))
		engine_send_unimpaired(e, local, remote, (struct span){ copy, len });
	engine_send_unimpaired(e, local, remote, (struct span){ copy, len });
	return true;
}

bool impair_receive(struct engine *e)
{
	return message_impaired(e, IMPAIR_REQUEST_DEAF, e->rx.datagram.data);
}

void impair_install(struct engine *e, struct child_install *install)
{
	static const struct xswan_ts all = { .family = 4, .port_max = 65535, .addr_max = { 255, 255, 255, 255 } };

	if (!impaired(e, IMPAIR_SELECTORS_WIDE, 0))
		return;
	install->local_ts = &all;
	install->local_ts_count = 1;
}

#endif
