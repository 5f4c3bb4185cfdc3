/* SPDX-License-Identifier: Apache-2.0 */
/* secrets.ike<suffix>: pre-shared keys. No message here shows a value. */
#include "config_section.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int decode_hex(const char *text, uint8_t *out, size_t *len)
{
	size_t digits = strlen(text);

	if (digits % 2)
		return -EINVAL;
	for (*len = 0; *len < digits / 2; ++*len) {
		int high = hex_digit(text[2 * *len]), low = hex_digit(text[2 * *len + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[*len] = high << 4 | low;
	}
	return 0;
}

/* RFC 4648 section 4; the padding may be missing, but not wrong */
static int decode_base64(const char *text, uint8_t *out, size_t *len)
{
	size_t digits = strcspn(text, "="), pads = strlen(text) - digits;
	uint32_t bits = 0;

	if (strspn(text + digits, "=") != pads || digits % 4 == 1 || (pads && (digits + pads) % 4) || pads > 2)
		return -EINVAL;
	*len = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return -EINVAL;
		bits = bits << 6 | digit;
		if (i % 4)
			out[(*len)++] = bits >> (6 - 2 * (i % 4)) & 0xff;
	}
	return 0;
}

static int decode(const char *text, uint8_t *out, size_t *len)
{
	if (!strncasecmp(text, "0x", 2))
		return decode_hex(text + 2, out, len);
	if (!strncasecmp(text, "0s", 2))
		return decode_base64(text + 2, out, len);
	*len = strlen(text);
	memcpy(out, text, *len);
	return 0;
}

static void load_value(struct section *s, struct conf_secret *secret, struct problems *p)
{
	struct setting *k = section_get(s, "secret");

	if (!k) {
		problem_section(p, s, "no secret");
		return;
	}
	/* decoded is never longer than written; wiped by its length, so it gets no more room than that */
	secret->len = strlen(k->value);
	secret->data = calloc(1, secret->len + 1);
	if (!secret->data) {
		problem_section(p, s, "out of memory");
		return;
	}
	if (decode(k->value, secret->data, &secret->len) < 0) {
		OPENSSL_cleanse(secret->data, strlen(k->value));
		problem_setting(p, k, "after 0x come pairs of hex digits, after 0s comes base64");
	} else if (!secret->len) {
		problem_setting(p, k, "empty");
	}
}

struct conf_secret *config_load_secret(struct section *s, struct problems *p)
{
	struct conf_secret *secret = calloc(1, sizeof(*secret));

	s->used = true;
	if (!secret || !(secret->name = strdup(s->name))) {
		problem_section(p, s, "out of memory");
		free(secret);
		return NULL;
	}
	load_value(s, secret, p);
	for (struct setting *k = s->settings; k; k = k->next) {
		if (strncmp(k->key, "id", 2) || !section_get(s, k->key))
			continue;
		if (secret->id_count == CONF_IDS)
			problem_setting(p, k, "more than %d identities", CONF_IDS);
		else if (config_load_id(k, &secret->ids[secret->id_count], p) == 0)
			secret->id_count++;
	}
	return secret;
}
