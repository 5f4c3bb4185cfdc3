/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposals as text. Names are those of strongSwan's `proposals`, for every transform that
 * peers really offer, so that a message about a refusal can be pasted into a configuration.
 */
#include "proposal.h"

#include <stdio.h>
#include <string.h>

struct transform_name {
	uint8_t type;
	uint16_t id;
	const char *text; /* %u takes the key length */
};

static const struct transform_name names[] = {
	{ TRANSFORM_ENCR, 2, "des" },
	{ TRANSFORM_ENCR, 3, "3des" },
	{ TRANSFORM_ENCR, 7, "blowfish%u" },
	{ TRANSFORM_ENCR, 11, "null" },
	{ TRANSFORM_ENCR, 12, "aes%u" },
	{ TRANSFORM_ENCR, 13, "aes%uctr" },
	{ TRANSFORM_ENCR, 14, "aes%uccm8" },
	{ TRANSFORM_ENCR, 15, "aes%uccm12" },
	{ TRANSFORM_ENCR, 16, "aes%uccm16" },
	{ TRANSFORM_ENCR, 18, "aes%ugcm8" },
	{ TRANSFORM_ENCR, 19, "aes%ugcm12" },
	{ TRANSFORM_ENCR, 20, "aes%ugcm16" },
	{ TRANSFORM_ENCR, 21, "aes%ugmac" },
	{ TRANSFORM_ENCR, 23, "camellia%u" },
	{ TRANSFORM_ENCR, 28, "chacha20poly1305" },
	{ TRANSFORM_PRF, 1, "prfmd5" },
	{ TRANSFORM_PRF, 2, "prfsha1" },
	{ TRANSFORM_PRF, 4, "prfaesxcbc" },
	{ TRANSFORM_PRF, 5, "prfsha256" },
	{ TRANSFORM_PRF, 6, "prfsha384" },
	{ TRANSFORM_PRF, 7, "prfsha512" },
	{ TRANSFORM_PRF, 8, "prfaescmac" },
	{ TRANSFORM_INTEG, 0, "nointegrity" },
	{ TRANSFORM_INTEG, 1, "md5" },
	{ TRANSFORM_INTEG, 2, "sha1" },
	{ TRANSFORM_INTEG, 5, "aesxcbc" },
	{ TRANSFORM_INTEG, 8, "aescmac" },
	{ TRANSFORM_INTEG, 12, "sha256" },
	{ TRANSFORM_INTEG, 13, "sha384" },
	{ TRANSFORM_INTEG, 14, "sha512" },
	{ TRANSFORM_KE, 0, "modpnone" },
	{ TRANSFORM_KE, 0, "modpnone" },
	{ TRANSFORM_KE, 1, "modp768" },
	{ TRANSFORM_KE, 2, "modp1024" },
	{ TRANSFORM_KE, 5, "modp1536" },
	{ TRANSFORM_KE, 14, "modp2048" },
	{ TRANSFORM_KE, 15, "modp3072" },
	{ TRANSFORM_KE, 16, "modp4096" },
	{ TRANSFORM_KE, 17, "modp6144" },
	{ TRANSFORM_KE, 18, "modp8192" },
	{ TRANSFORM_KE, 19, "ecp256" },
	{ TRANSFORM_KE, 20, "ecp384" },
	{ TRANSFORM_KE, 21, "ecp521" },
	{ TRANSFORM_KE, 22, "modp1024s160" },
	{ TRANSFORM_KE, 23, "modp2048s224" },
	{ TRANSFORM_KE, 24, "modp2048s256" },
	{ TRANSFORM_KE, 25, "ecp192" },
	{ TRANSFORM_KE, 26, "ecp224" },
	{ TRANSFORM_KE, 27, "ecp224bp" },
	{ TRANSFORM_KE, 28, "ecp256bp" },
	{ TRANSFORM_KE, 29, "ecp384bp" },
	{ TRANSFORM_KE, 30, "ecp512bp" },
	{ TRANSFORM_KE, 31, "x25519" },
	{ TRANSFORM_KE, 32, "x448" },
	{ TRANSFORM_KE, 35, "mlkem512" },
	{ TRANSFORM_KE, 36, "mlkem768" },
	{ TRANSFORM_KE, 37, "mlkem1024" },
	{ TRANSFORM_ESN, 0, "noesn" },
	{ TRANSFORM_ESN, 1, "esn" },
};

static const char *type_text(uint8_t type)
{
	switch (type) {
	case TRANSFORM_ENCR:
		return "encryption";
	case TRANSFORM_PRF:
		return "PRF";
	case TRANSFORM_INTEG:
		return "integrity";
	case TRANSFORM_KE:
		return "key exchange";
	case TRANSFORM_ESN:
		return "extended sequence numbers";
	default:
		return "transform of a type not known here";
	}
}

const char *transform_format(const struct transform *t, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = names[i].text, *gap = strchr(text, '%');

		if (names[i].type != t->type || names[i].id != t->id)
			continue;
		if (!gap)
			snprintf(buf, size, "%s", text);
		else if (t->key_bits)
			snprintf(buf, size, "%.*s%u%s", (int)(gap - text), text, t->key_bits, gap + 2);
		else /* the peer left the key length out */
			snprintf(buf, size, "%.*s%s", (int)(gap - text), text, gap + 2);
		return buf;
	}
	snprintf(buf, size, "transform(%u/%u)", t->type, t->id);
	return buf;
}

static void append(char *buf, size_t size, const char *separator, const char *text)
{
	size_t len = strlen(buf);

	if (len + 1 < size)
		snprintf(buf + len, size - len, "%s%s", len ? separator : "", text);
}

/* Members of one transform type; all types for 0. */
static void append_type(const struct offer *o, uint8_t type, const char *separator, char *buf, size_t size)
{
	char one[32];

	for (int i = 0; i < o->count; i++) {
		if (!type || o->transform[i].type == type)
			append(buf, size, separator, transform_format(&o->transform[i], one, sizeof(one)));
	}
}

static const char *protocol_text(uint8_t protocol)
{
	return protocol == PROTOCOL_IKE   ? "IKE"
	       : protocol == PROTOCOL_AH  ? "AH"
	       : protocol == PROTOCOL_ESP ? "ESP"
					  : "?";
}

const char *proposal_format(const struct offer *o, char *buf, size_t size)
{
	buf[0] = '\0';
	append_type(o, 0, "-", buf, size);
	if (o->protocol == PROTOCOL_AH)
		append(buf, size, " ", "(AH)");
	return buf;
}

const char *suite_format(enum protocol protocol, const struct suite *s, char *buf, size_t size)
{
	struct offer o = { .protocol = protocol };

	o.transform[o.count++] = (struct transform){ .type = TRANSFORM_ENCR, .id = s->encr, .key_bits = s->encr_bits };
	if (s->integ)
		o.transform[o.count++] = (struct transform){ .type = TRANSFORM_INTEG, .id = s->integ };
	if (protocol == PROTOCOL_IKE) {
		o.transform[o.count++] = (struct transform){ .type = TRANSFORM_PRF, .id = s->prf };
		o.transform[o.count++] = (struct transform){ .type = TRANSFORM_KE, .id = s->ke };
	} else {
		if (s->ke)
			o.transform[o.count++] = (struct transform){ .type = TRANSFORM_KE, .id = s->ke };
		o.transform[o.count++] = (struct transform){ .type = TRANSFORM_ESN, .id = s->esn };
	}
	return proposal_format(&o, buf, size);
}

const char *proposals_format_received(struct span sa, char *buf, size_t size)
{
	struct cursor c = cursor_over(sa);
	struct offer o;
	char one[256];

	buf[0] = '\0';
	while (offer_next(&c, &o))
		append(buf, size, ", ", proposal_format(&o, one, sizeof(one)));
	return buf;
}

const char *proposals_format_configured(const struct conf_proposal *ours, int count, char *buf, size_t size)
{
	buf[0] = '\0';
	for (int i = 0; i < count; i++)
		append(buf, size, ", ", ours[i].text);
	return buf;
}

/* A configured proposal as an offer, so that both sides are printed by the same code. */
static void as_offer(const struct conf_proposal *p, enum protocol protocol, struct offer *o)
{
	o->count = 0;
	o->protocol = protocol;
	for (int i = 0; i < p->encr_count; i++)
		o->transform[o->count++] = (struct transform){
			.type = TRANSFORM_ENCR,
			.id = p->encr[i].id,
			.key_bits = p->encr[i].key_bits,
		};
	for (int i = 0; i < p->integ_count; i++)
		o->transform[o->count++] = (struct transform){ .type = TRANSFORM_INTEG, .id = p->integ[i] };
	for (int i = 0; i < p->prf_count; i++)
		o->transform[o->count++] = (struct transform){ .type = TRANSFORM_PRF, .id = p->prf[i] };
	for (int i = 0; !p->without_ke && i < p->ke_count; i++)
		o->transform[o->count++] = (struct transform){ .type = TRANSFORM_KE, .id = p->ke[i] };
	for (int i = 0; i < p->esn_count; i++)
		o->transform[o->count++] = (struct transform){ .type = TRANSFORM_ESN, .id = p->esn[i] };
	if (protocol == PROTOCOL_ESP && !p->esn_count)
		o->transform[o->count++] = (struct transform){ .type = TRANSFORM_ESN, .id = 0 };
}

/* How far a pair got, in the order in which offer_match looks */
static int distance(uint8_t type)
{
	return type == DIFFERENT_PROTOCOL                      ? 0
	       : type == TRANSFORM_ENCR                        ? 1
	       : type == TRANSFORM_INTEG                       ? 2
	       : type == TRANSFORM_PRF                         ? 4
	       : type == TRANSFORM_KE || type == TRANSFORM_ESN ? 5
							       : 3;
}

static void format_difference(const struct offer *theirs, const struct offer *ours, uint8_t type, char *buf,
			      size_t size)
{
	char received[128] = "", configured[128] = "";

	if (type == DIFFERENT_PROTOCOL) {
		snprintf(buf, size, "protocol: received %s, configured %s", protocol_text(theirs->protocol),
			 protocol_text(ours->protocol));
		return;
	}
	append_type(theirs, type, "|", received, sizeof(received));
	append_type(ours, type, "|", configured, sizeof(configured));
	snprintf(buf, size, "%s: received %s, configured %s", type_text(type), received[0] ? received : "none",
		 configured[0] ? configured : "none");
}

const char *proposals_difference(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
				 char *buf, size_t size)
{
	struct offer theirs, mine;
	struct suite ignored;
	int best = -1;

	buf[0] = '\0';
	for (int i = 0; i < count; i++) {
		struct cursor c = cursor_over(sa);

		while (offer_next(&c, &theirs)) {
			uint8_t type = offer_match(&theirs, protocol, &ours[i], &ignored);

			if (!type || distance(type) <= best)
				continue;
			best = distance(type);
			as_offer(&ours[i], protocol, &mine);
			format_difference(&theirs, &mine, type, buf, size);
		}
	}
	return buf;
}
