/* SPDX-License-Identifier: Apache-2.0 */
#include "proposal.h"

#include <errno.h>
#include <string.h>

#define ATTRIBUTE_SHORT 0x8000 /* type and value, no length */
#define ATTRIBUTE_KEY_LENGTH 14
#define ESP_SPI_RESERVED 255 /* and below: RFC 4303 section 2.1 */
#define KE_NONE 0

static void read_attributes(struct cursor c, struct transform *t)
{
	while (cursor_left(&c)) {
		uint16_t type = cursor_u16(&c), value = cursor_u16(&c);

		if (type == (ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH)) {
			t->key_bits = value;
			continue;
		}
		t->unknown_attribute = true;
		if (!(type & ATTRIBUTE_SHORT))
			cursor_take(&c, value);
	}
	t->unknown_attribute |= c.error;
}

bool offer_next(struct cursor *c, struct offer *o)
{
	struct cursor body;
	int transforms;

	if (!cursor_left(c))
		return false;
	cursor_u16(c);
	body = cursor_over(cursor_take(c, cursor_u16(c) - 4u));
	o->number = cursor_u8(&body);
	o->protocol = cursor_u8(&body);
	o->spi.len = cursor_u8(&body);
	transforms = cursor_u8(&body);
	o->spi = cursor_take(&body, o->spi.len);
	o->count = 0;
	for (int i = 0; i < transforms && i < OFFER_TRANSFORMS; i++) {
		struct transform *t = &o->transform[o->count++];
		struct cursor one;

		cursor_u16(&body);
		one = cursor_over(cursor_take(&body, cursor_u16(&body) - 4u));
		*t = (struct transform){ .type = cursor_u8(&one) };
		cursor_u8(&one);
		t->id = cursor_u16(&one);
		read_attributes(one, t);
	}
	return !c->error && !body.error;
}

static const struct transform *find(const struct offer *o, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (int i = 0; i < o->count; i++) {
		const struct transform *t = &o->transform[i];

		if (t->type == type && t->id == id && t->key_bits == key_bits && !t->unknown_attribute)
			return t;
	}
	return NULL;
}

static bool has_type(const struct offer *o, uint8_t type)
{
	for (int i = 0; i < o->count; i++) {
		if (o->transform[i].type == type)
			return true;
	}
	return false;
}

static bool choose_encr(const struct offer *o, const struct conf_proposal *p, struct suite *out)
{
	for (int i = 0; i < p->encr_count; i++) {
		out->encr = p->encr[i].id;
		out->encr_bits = p->encr[i].key_bits;
		if (find(o, TRANSFORM_ENCR, out->encr, out->encr_bits))
			return true;
	}
	return false;
}

static bool choose(const struct offer *o, uint8_t type, const uint16_t *ids, int count, uint16_t *out)
{
	for (int i = 0; i < count; i++) {
		*out = ids[i];
		if (find(o, type, ids[i], 0))
			return true;
	}
	return false;
}

/* ESP proposals without ESN configured want none. */
static bool choose_esn(const struct offer *o, const struct conf_proposal *p, struct suite *out)
{
	uint16_t ids[2] = { 0 };

	for (int i = 0; i < p->esn_count; i++)
		ids[i] = p->esn[i];
	return choose(o, TRANSFORM_ESN, ids, p->esn_count ? p->esn_count : 1, &out->esn);
}

/* Beside ciphers that authenticate by themselves integrity may only be NONE (RFC 5282 section 8). */
static bool choose_integ(const struct offer *o, const struct conf_proposal *p, struct suite *out)
{
	if (p->integ_count)
		return choose(o, TRANSFORM_INTEG, p->integ, p->integ_count, &out->integ);
	return !has_type(o, TRANSFORM_INTEG) || find(o, TRANSFORM_INTEG, 0, 0);
}

/*
 * The first Child SA has the key exchange of the IKE SA; what some peers say about it there is not looked at (section
 * 1.2). Later a proposal without any group says the same as one with NONE.
 */
static bool choose_child_ke(const struct offer *o, const struct conf_proposal *p, struct suite *out)
{
	bool offered = has_type(o, TRANSFORM_KE);

	if (p->without_ke)
		return true;
	if (offered && p->ke_count && !choose(o, TRANSFORM_KE, p->ke, p->ke_count, &out->ke))
		return false;
	if (offered && !p->ke_count && !find(o, TRANSFORM_KE, KE_NONE, 0))
		return false;
	out->ke_none = offered && !out->ke;
	for (int i = 0; !offered && i < p->ke_count; i++)
		if (p->ke[i] == KE_NONE)
			return true;
	return offered || !p->ke_count;
}

/* A proposal with a transform type that we do not know is not ours to choose (section 3.3.6). */
static bool types_allowed(const struct offer *o, enum protocol protocol, uint8_t *culprit)
{
	for (int i = 0; i < o->count; i++) {
		*culprit = o->transform[i].type;
		if (*culprit < TRANSFORM_ENCR || *culprit > TRANSFORM_ESN ||
		    (protocol == PROTOCOL_ESP && *culprit == TRANSFORM_PRF))
			return false;
	}
	return true;
}

/* An IKE SA's is there when it is rekeyed (section 3.3.1). */
static bool read_spi(const struct offer *o, bool esp, uint64_t *spi)
{
	struct cursor c = cursor_over(o->spi);

	if (esp) {
		*spi = cursor_u32(&c);
		return o->spi.len == 4 && *spi > ESP_SPI_RESERVED;
	}
	*spi = o->spi.len == 8 ? cursor_u64(&c) : 0;
	return !o->spi.len || *spi;
}

uint8_t offer_match(const struct offer *o, enum protocol protocol, const struct conf_proposal *p, struct suite *out)
{
	bool esp = protocol == PROTOCOL_ESP;
	uint8_t culprit;

	*out = (struct suite){ .number = o->number };
	if (o->protocol != protocol || !read_spi(o, esp, &out->spi))
		return DIFFERENT_PROTOCOL;
	if (!choose_encr(o, p, out))
		return TRANSFORM_ENCR;
	if (!choose_integ(o, p, out))
		return TRANSFORM_INTEG;
	if (!types_allowed(o, protocol, &culprit))
		return culprit;
	if (esp && !choose_child_ke(o, p, out))
		return TRANSFORM_KE;
	if (esp)
		return choose_esn(o, p, out) ? 0 : TRANSFORM_ESN;
	if (!choose(o, TRANSFORM_PRF, p->prf, p->prf_count, &out->prf))
		return TRANSFORM_PRF;
	return choose(o, TRANSFORM_KE, p->ke, p->ke_count, &out->ke) ? 0 : TRANSFORM_KE;
}

int proposal_select(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
		    struct suite *out)
{
	struct offer o;

	for (int i = 0; i < count; i++) {
		struct cursor c = cursor_over(sa);

		while (offer_next(&c, &o)) {
			if (!offer_match(&o, protocol, &ours[i], out))
				return 0;
		}
	}
	return -ENOENT;
}

/* One transform of each type, apart from an integrity of NONE that some echo */
static bool is_answer(const struct offer *o)
{
	for (int i = 0; i < o->count; i++) {
		for (int j = 0; j < i; j++) {
			if (o->transform[i].type == o->transform[j].type)
				return false;
		}
	}
	return true;
}

int proposal_accept(struct span sa, enum protocol protocol, const struct conf_proposal *ours, int count,
		    struct suite *out)
{
	struct cursor c = cursor_over(sa);
	struct offer o;

	if (!offer_next(&c, &o) || cursor_left(&c) || !is_answer(&o))
		return -EBADMSG;
	if (o.number < 1 || o.number > count) /* we number ours from 1 */
		return -EBADMSG;
	return offer_match(&o, protocol, &ours[o.number - 1], out) ? -EBADMSG : 0;
}

bool suite_allowed(const struct suite *s, const struct conf_proposal *ours, int count)
{
	for (int i = 0; i < count; i++) {
		const struct conf_proposal *p = &ours[i];
		bool encr = false, integ = !s->integ && !p->integ_count, prf = false, ke = false;

		for (int j = 0; j < p->encr_count; j++)
			encr |= p->encr[j].id == s->encr && p->encr[j].key_bits == s->encr_bits;
		for (int j = 0; j < p->integ_count; j++)
			integ |= p->integ[j] == s->integ;
		for (int j = 0; j < p->prf_count; j++)
			prf |= p->prf[j] == s->prf;
		for (int j = 0; j < p->ke_count; j++)
			ke |= p->ke[j] == s->ke;
		if (encr && integ && prf && ke)
			return true;
	}
	return false;
}

bool proposal_has_group(const struct conf_proposal *ours, int count, uint16_t group)
{
	for (int i = 0; i < count; i++) {
		for (int j = 0; j < ours[i].ke_count; j++) {
			if (ours[i].ke[j] == group)
				return true;
		}
	}
	return false;
}

uint16_t proposal_first_group(const struct conf_proposal *ours, int count)
{
	for (int i = 0; i < count; i++)
		for (int j = 0; j < ours[i].ke_count; j++)
			if (ours[i].ke[j] != KE_NONE)
				return ours[i].ke[j];
	return 0;
}

static void write_transform(struct writer *w, bool last, uint8_t type, uint16_t id, uint16_t key_bits)
{
	writer_u8(w, last ? 0 : 3);
	writer_u8(w, 0);
	writer_u16(w, key_bits ? 12 : 8);
	writer_u8(w, type);
	writer_u8(w, 0);
	writer_u16(w, id);
	if (key_bits) {
		writer_u16(w, ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH);
		writer_u16(w, key_bits);
	}
}

/* ENCR, perhaps INTEG, and either PRF and KE or perhaps KE, and ESN */
static void write_transforms(struct writer *w, enum protocol protocol, uint64_t spi, const struct conf_proposal *p)
{
	const uint8_t none = 0;
	const uint8_t *esn = p->esn_count ? p->esn : &none;
	int ke_count = p->without_ke ? 0 : p->ke_count;
	int left = p->encr_count + p->integ_count + ke_count + (p->esn_count ? p->esn_count : 1);

	if (protocol == PROTOCOL_IKE)
		left = p->encr_count + p->integ_count + p->prf_count + ke_count;
	writer_u8(w, left);
	if (protocol == PROTOCOL_ESP)
		writer_u32(w, spi);
	else if (spi)
		writer_u64(w, spi);
	for (int i = 0; i < p->encr_count; i++)
		write_transform(w, !--left, TRANSFORM_ENCR, p->encr[i].id, p->encr[i].key_bits);
	for (int i = 0; i < p->integ_count; i++)
		write_transform(w, !--left, TRANSFORM_INTEG, p->integ[i], 0);
	for (int i = 0; protocol == PROTOCOL_IKE && i < p->prf_count; i++)
		write_transform(w, !--left, TRANSFORM_PRF, p->prf[i], 0);
	for (int i = 0; i < ke_count; i++)
		write_transform(w, !--left, TRANSFORM_KE, p->ke[i], 0);
	while (left > 0)
		write_transform(w, !--left, TRANSFORM_ESN, *esn++, 0);
}

static void write_proposal(struct writer *w, bool last, uint8_t number, enum protocol protocol, uint64_t spi,
			   const struct conf_proposal *p)
{
	size_t start = w->len;

	writer_u8(w, last ? 0 : 2);
	writer_u8(w, 0);
	writer_u16(w, 0);
	writer_u8(w, number);
	writer_u8(w, protocol);
	writer_u8(w, protocol == PROTOCOL_ESP ? 4 : spi ? 8 : 0);
	write_transforms(w, protocol, spi, p);
	writer_patch_u16(w, start + 2, w->len - start);
}

void proposals_write(struct writer *w, enum protocol protocol, uint64_t spi, const struct conf_proposal *ours,
		     int count)
{
	for (int i = 0; i < count; i++)
		write_proposal(w, i + 1 == count, i + 1, protocol, spi, &ours[i]);
}

void suite_write(struct writer *w, enum protocol protocol, uint64_t spi, const struct suite *s)
{
	struct conf_proposal p = {
		.encr_count = 1,
		.encr = { { s->encr, s->encr_bits } },
		.integ_count = s->integ ? 1 : 0,
		.integ = { s->integ },
		.prf_count = 1,
		.prf = { s->prf },
		.ke_count = protocol == PROTOCOL_IKE || s->ke || s->ke_none,
		.ke = { s->ke },
		.esn_count = 1,
		.esn = { s->esn },
	};

	write_proposal(w, true, s->number, protocol, spi, &p);
}
