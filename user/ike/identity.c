/* SPDX-License-Identifier: Apache-2.0 */
/* Identities (RFC 7296 section 3.5) and their text, in strongSwan's notation. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "distinguished_name.h"

static const struct {
	const char *prefix;
	enum id_type type;
} prefixes[] = {
	{ "asn1dn:", ID_DER_ASN1_DN }, { "fqdn:", ID_FQDN },          { "dns:", ID_FQDN },
	{ "email:", ID_RFC822_ADDR },  { "rfc822:", ID_RFC822_ADDR }, { "userfqdn:", ID_RFC822_ADDR },
	{ "keyid:", ID_KEY_ID },
};

static int set(struct identity *id, enum id_type type, const void *data, size_t len)
{
	struct identity out = { .type = type, .len = len };

	if (len == 0 || len > sizeof(out.data))
		return -EINVAL;
	memcpy(out.data, data, len);
	*id = out;
	return 0;
}

/* A star is only understood where the name begins, and something has to follow it. */
static int set_name(struct identity *id, enum id_type type, const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isgraph((unsigned char)*c) || (*c == '*' && (c != name || !c[1])))
			return -EINVAL;
	if (set(id, type, name, strlen(name)))
		return -EINVAL;
	id->pattern = *name == '*';
	return 0;
}

struct identity identity_of_name(const void *der, size_t len)
{
	struct identity id = { .type = ID_DER_ASN1_DN };

	if (!len || len > sizeof(id.data))
		return (struct identity){ .type = ID_ANY };
	id.len = len;
	memcpy(id.data, der, len);
	id.hash = dn_hash((struct span){ id.data, id.len });
	return id;
}

static int set_dn(struct identity *id, const char *text)
{
	uint8_t der[sizeof(id->data)];
	size_t len;
	int err = dn_parse(text, der, sizeof(der), &len);

	if (err)
		return err;
	*id = identity_of_name(der, len);
	id->pattern = dn_is_pattern((struct span){ der, len });
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int set_hex(struct identity *id, enum id_type type, const char *hex)
{
	uint8_t data[sizeof(id->data)];
	size_t len = strlen(hex);

	if (len % 2 || len / 2 > sizeof(data))
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		data[i] = high << 4 | low;
	}
	return set(id, type, data, len / 2);
}

static int set_hex_name(struct identity *id, enum id_type type, const char *hex)
{
	struct identity read;
	int err = set_hex(&read, type, hex);

	if (!err && type == ID_DER_ASN1_DN) {
		read = identity_of_name(read.data, read.len);
		err = read.hash ? 0 : -EINVAL;
	}
	if (!err)
		*id = read;
	return err;
}

/* "type:value"; -ENOENT when no prefix is known */
static int parse_prefixed(struct identity *id, const char *text)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (strncasecmp(text, prefixes[i].prefix, len))
			continue;
		if (text[len] == '#')
			return set_hex_name(id, prefixes[i].type, text + len + 1);
		if (prefixes[i].type == ID_DER_ASN1_DN)
			return set_dn(id, text + len);
		if (prefixes[i].type == ID_KEY_ID)
			return set(id, ID_KEY_ID, text + len, strlen(text + len));
		return set_name(id, prefixes[i].type, text + len);
	}
	return -ENOENT;
}

int identity_parse(struct identity *id, const char *text)
{
	struct addr addr;
	int err;

	if (addr_parse(&addr, text) == 0) {
		if (addr.family)
			return set(id, addr.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, addr.ip, addr_len(&addr));
		*id = (struct identity){ .type = ID_ANY };
		return 0;
	}
	err = parse_prefixed(id, text);
	if (err != -ENOENT)
		return err;
	if (!strncmp(text, "@#", 2))
		return set_hex(id, ID_KEY_ID, text + 2);
	if (!strncmp(text, "@@", 2))
		return set_name(id, ID_RFC822_ADDR, text + 2);
	if (text[0] == '@')
		return set_name(id, ID_FQDN, text + 1);
	if (strchr(text, '='))
		return set_dn(id, text);
	if (strpbrk(text, "/:")) /* a type not known here */
		return -EINVAL;
	return set_name(id, strchr(text, '@') ? ID_RFC822_ADDR : ID_FQDN, text);
}

static void format_hex(const struct identity *id, const char *prefix, char *out, size_t size)
{
	size_t used = snprintf(out, size, "%s", prefix);

	for (size_t i = 0; i < id->len && used + 3 <= size; i++)
		used += snprintf(out + used, size - used, "%02x", id->data[i]);
}

/* What a peer sent goes into logs and terminals: nothing unprintable passes. */
static void format_name(const struct identity *id, char *out, size_t size)
{
	size_t i;

	for (i = 0; i < id->len && i + 1 < size; i++)
		out[i] = isgraph(id->data[i]) ? id->data[i] : '?';
	out[i] = '\0';
}

const char *identity_format(const struct identity *id, char *out, size_t size)
{
	struct addr addr = { .family = id->type == ID_IPV4_ADDR ? 4 : 6 };
	char text[ADDR_TEXT];

	if (!size)
		return out;
	switch (id->type) {
	case ID_ANY:
		snprintf(out, size, "%%any");
		break;
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		if (id->len == addr_len(&addr)) {
			memcpy(addr.ip, id->data, id->len);
			snprintf(out, size, "%s", addr_format(&addr, text));
		} else {
			format_hex(id, "(malformed address) #", out, size);
		}
		break;
	case ID_FQDN:
	case ID_RFC822_ADDR:
		format_name(id, out, size);
		break;
	case ID_KEY_ID:
		format_hex(id, "@#", out, size);
		break;
	case ID_DER_ASN1_DN:
		if (!dn_format((struct span){ id->data, id->len }, out, size))
			format_hex(id, "(malformed name) #", out, size);
		break;
	default:
		snprintf(text, sizeof(text), "(ID type %u) #", id->type);
		format_hex(id, text, out, size);
	}
	return out;
}

static bool is_name(const struct identity *id)
{
	return id->type == ID_FQDN || id->type == ID_RFC822_ADDR;
}

/* Names of hosts and mailboxes mean the same in either case (RFC 4301 section 4.4.3.1). A NUL does not end them. */
static bool same_text(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (tolower(a[i]) != tolower(b[i]))
			return false;
	return true;
}

static bool matches_name(const struct identity *configured, const struct identity *received)
{
	bool star = configured->pattern;
	size_t len = configured->len - star;

	if (star ? received->len <= len : received->len != len)
		return false;
	return same_text(configured->data + star, received->data + received->len - len, len);
}

/* Decoding is dear where there are many connections, and most names differ. */
static bool matches_dn(const struct identity *configured, const struct identity *received)
{
	struct span one = { configured->data, configured->len }, other = { received->data, received->len };

	if (configured->pattern)
		return dn_matches(one, other);
	return configured->hash == received->hash && dn_equal(one, other);
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == ID_DER_ASN1_DN)
		return a->hash == b->hash &&
		       dn_equal((struct span){ a->data, a->len }, (struct span){ b->data, b->len });
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

bool identity_same(const struct identity *a, const struct identity *b)
{
	if (is_name(a) && a->type == b->type)
		return a->len == b->len && same_text(a->data, b->data, a->len);
	return identity_equal(a, b);
}

bool identity_matches(const struct identity *configured, const struct identity *received)
{
	if (configured->type == ID_ANY)
		return true;
	if (configured->type != received->type)
		return false;
	if (is_name(configured))
		return matches_name(configured, received);
	if (configured->type == ID_DER_ASN1_DN)
		return matches_dn(configured, received);
	return configured->len == received->len && !memcmp(configured->data, received->data, received->len);
}
