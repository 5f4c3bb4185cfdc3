/* SPDX-License-Identifier: Apache-2.0 */
/* secrets.ike<suffix>: pre-shared keys; and where secrets of any kind are written. No message here shows a value. */
#include "config_section.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "conf_files.h"
#include "unit_credentials.h"

#define SECRET_FILE_MAX 8192u /* bytes, as in swanctl.conf */

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

static int decode_hex(struct span text, uint8_t *out, size_t *len)
{
	if (text.len % 2)
		return -EINVAL;
	for (*len = 0; *len < text.len / 2; ++*len) {
		int high = hex_digit(text.data[2 * *len]), low = hex_digit(text.data[2 * *len + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[*len] = high << 4 | low;
	}
	return 0;
}

/* RFC 4648 section 4; the padding may be missing, but not wrong */
static int decode_base64(struct span text, uint8_t *out, size_t *len)
{
	size_t digits = text.len, pads;
	uint32_t bits = 0;

	while (digits && text.data[digits - 1] == '=')
		digits--;
	pads = text.len - digits;
	if (digits % 4 == 1 || (pads && text.len % 4) || pads > 2)
		return -EINVAL;
	*len = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = base64_digit(text.data[i]);

		if (digit < 0)
			return -EINVAL;
		bits = bits << 6 | digit;
		if (i % 4)
			out[(*len)++] = bits >> (6 - 2 * (i % 4)) & 0xff;
	}
	return 0;
}

static bool begins(struct span text, const char *prefix)
{
	return text.len >= 2 && !strncasecmp((const char *)text.data, prefix, 2);
}

static int decode(struct span text, uint8_t *out, size_t *len)
{
	const struct span digits = { text.data + 2, text.len - 2 };

	if (begins(text, "0x"))
		return decode_hex(digits, out, len);
	if (begins(text, "0s"))
		return decode_base64(digits, out, len);
	*len = text.len;
	memcpy(out, text.data, text.len);
	return 0;
}

/* ---- where it is written ---- */

static int read_secret(struct loading *l, const struct setting *k, struct span *text, char *why, size_t why_size)
{
	char path[PATH_MAX], reason[600];
	int err;

	if (!strcmp(k->key, "secret_credential"))
		return unit_credential_find(k->value, text, why, why_size);
	if ((size_t)snprintf(path, sizeof(path), "%s%s%s", *k->value == '/' ? "" : l->dir, *k->value == '/' ? "" : "/",
			     k->value) >= sizeof(path)) {
		snprintf(why, why_size, "path too long");
		return -ENAMETOOLONG;
	}
	err = conf_files_read(l->files, path, CONF_FILE_SECRET, SECRET_FILE_MAX, text, reason, sizeof(reason));
	if (err)
		snprintf(why, why_size, "%.400s: %s", path, reason);
	return err;
}

/* One line: its end, which editors and echo(1) add, is none of the secret. Other bytes than text are written as 0s or 0x. */
static int take_line(struct span *text)
{
	if (text->len && text->data[text->len - 1] == '\n')
		text->len--;
	if (text->len && text->data[text->len - 1] == '\r')
		text->len--;
	return memchr(text->data, '\n', text->len) || memchr(text->data, '\0', text->len) ? -EINVAL : 0;
}

int config_read_secret(struct loading *l, struct setting *k, struct span *text, struct problems *p)
{
	char why[1024];

	*text = (struct span){ (const uint8_t *)k->value, strlen(k->value) };
	if (!strcmp(k->key, "secret"))
		return 0;
	if (read_secret(l, k, text, why, sizeof(why))) {
		problem_setting(p, k, "%s", why);
		return -EINVAL;
	}
	if (take_line(text)) {
		problem_setting(p, k,
				"'%s' is not one line of text: other bytes are written as base64 after 0s, or as hex digits "
				"after 0x",
				k->value);
		return -EINVAL;
	}
	return 0;
}

struct setting *config_find_secret(struct section *s, struct problems *p)
{
	static const char *const keys[] = { "secret", "secret_file", "secret_credential" };
	struct setting *found = NULL;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct setting *k = section_get(s, keys[i]);

		if (k && found)
			problem_setting(p, k, "there is %s already: one of the two has the secret", found->key);
		else if (k)
			found = k;
	}
	return found;
}

/* ---- pre-shared keys ---- */

static void load_value(struct loading *l, struct section *s, struct conf_secret *secret, struct problems *p)
{
	struct setting *k = config_find_secret(s, p);
	struct span text;

	if (!k)
		problem_section(p, s, "no secret");
	if (!k || config_read_secret(l, k, &text, p))
		return;
	/* decoded is never longer than written; wiped by its length, so it gets no more room than that */
	secret->data = calloc(1, text.len + 1);
	if (!secret->data) {
		problem_section(p, s, "out of memory");
		return;
	}
	if (decode(text, secret->data, &secret->len) < 0) {
		OPENSSL_cleanse(secret->data, text.len);
		secret->len = 0;
		problem_setting(p, k, "after 0x come pairs of hex digits, after 0s comes base64");
	} else if (!secret->len) {
		problem_setting(p, k, "empty");
	}
}

struct conf_secret *config_load_secret(struct loading *l, struct section *s, struct problems *p)
{
	struct conf_secret *secret = calloc(1, sizeof(*secret));

	s->used = true;
	if (!secret || !(secret->name = strdup(s->name))) {
		problem_section(p, s, "out of memory");
		free(secret);
		return NULL;
	}
	load_value(l, s, secret, p);
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
