/* SPDX-License-Identifier: Apache-2.0 */
#include "distinguished_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#define ATTRIBUTE_MAX 32
#define VALUE_MAX 256

/* What strongSwan writes; of two names for an attribute the first is shown. */
static const struct {
	const char *name;
	int nid;
} attributes[] = {
	{ "C", NID_countryName },
	{ "ST", NID_stateOrProvinceName },
	{ "L", NID_localityName },
	{ "STREET", NID_streetAddress },
	{ "O", NID_organizationName },
	{ "OU", NID_organizationalUnitName },
	{ "CN", NID_commonName },
	{ "E", NID_pkcs9_emailAddress },
	{ "EMAIL", NID_pkcs9_emailAddress },
	{ "EMAILADDRESS", NID_pkcs9_emailAddress },
	{ "SN", NID_serialNumber },
	{ "SERIALNUMBER", NID_serialNumber },
	{ "S", NID_surname },
	{ "G", NID_givenName },
	{ "I", NID_initials },
	{ "N", NID_name },
	{ "T", NID_title },
	{ "D", NID_description },
	{ "ID", NID_x500UniqueIdentifier },
	{ "UID", NID_userId },
	{ "DC", NID_domainComponent },
	{ "DNQ", NID_dnQualifier },
	{ "POSTALCODE", NID_postalCode },
	{ "UNSTRUCTUREDNAME", NID_pkcs9_unstructuredName },
	{ "UNSTRUCTUREDADDRESS", NID_pkcs9_unstructuredAddress },
};

static ASN1_OBJECT *find_attribute(const char *name)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (!strcasecmp(attributes[i].name, name))
			return OBJ_nid2obj(attributes[i].nid);
	}
	return OBJ_txt2obj(name, 1);
}

/* The text up to one of `ends` or the end, without blanks around it; *text goes behind it. False: it does not fit. */
static bool take_word(const char **text, char end, char *out, size_t size)
{
	size_t len = 0, keep = 0; /* keep: blanks behind it may be part of it still */
	const char *c = *text + strspn(*text, " ");

	while (*c && *c != end) {
		bool escaped = *c == '\\' && c[1];

		c += escaped;
		if (len + 1 >= size)
			return false;
		out[len++] = *c;
		if (*c != ' ' || escaped)
			keep = len;
		c++;
	}
	out[keep] = '\0';
	*text = c;
	return keep;
}

static int add_attribute(X509_NAME *name, const char **text)
{
	char attribute[ATTRIBUTE_MAX], value[VALUE_MAX];
	ASN1_OBJECT *object;
	int ok;

	if (!take_word(text, '=', attribute, sizeof(attribute)) || *(*text)++ != '=' ||
	    !take_word(text, ',', value, sizeof(value)))
		return -EINVAL;
	object = find_attribute(attribute);
	if (!object)
		return -EINVAL;
	ok = X509_NAME_add_entry_by_OBJ(name, object, MBSTRING_UTF8, (unsigned char *)value, -1, -1, 0);
	ASN1_OBJECT_free(object); /* those of OBJ_nid2obj are static, and stay */
	return ok ? 0 : -EINVAL;
}

static int encode(X509_NAME *name, uint8_t *out, size_t size, size_t *len)
{
	int need = i2d_X509_NAME(name, NULL);

	if (need <= 0)
		return -EINVAL;
	if ((size_t)need > size)
		return -EMSGSIZE;
	*len = i2d_X509_NAME(name, &out);
	return 0;
}

int dn_parse(const char *text, uint8_t *out, size_t size, size_t *len)
{
	X509_NAME *name = X509_NAME_new();
	int ret = name ? 0 : -ENOMEM;

	do {
		if (!ret)
			ret = add_attribute(name, &text);
	} while (!ret && *text++ == ',');
	if (!ret)
		ret = encode(name, out, size, len);
	X509_NAME_free(name);
	ERR_clear_error();
	return ret;
}

static X509_NAME *decode(struct span der)
{
	const unsigned char *at = der.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, der.len);

	if (name && at == der.data + der.len && X509_NAME_entry_count(name))
		return name;
	X509_NAME_free(name);
	ERR_clear_error();
	return NULL;
}

static bool is_star(const X509_NAME_ENTRY *entry)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);

	return ASN1_STRING_length(value) == 1 && ASN1_STRING_get0_data(value)[0] == '*';
}

static void format_attribute(const ASN1_OBJECT *object, char *out, size_t size)
{
	int nid = OBJ_obj2nid(object);

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (attributes[i].nid == nid) {
			snprintf(out, size, "%s", attributes[i].name);
			return;
		}
	}
	OBJ_obj2txt(out, size, object, 1);
}

/* The length of a character that is fit to be shown, 0 if it is not: control characters, and those that turn text
 * around. */
static size_t shown_len(const unsigned char *c, size_t left)
{
	if (*c < 0x80)
		return *c >= ' ' && *c < 0x7f;
	if ((*c & 0xe0) == 0xc0 && left >= 2)
		return *c == 0xc2 && c[1] < 0xa0 ? 0 : 2;
	if ((*c & 0xf0) == 0xe0 && left >= 3)
		return *c == 0xe2 && (c[1] == 0x80 || c[1] == 0x81) ? 0 : 3; /* U+2000 to U+207F */
	return (*c & 0xf8) == 0xf0 && left >= 4 ? 4 : 0;
}

static size_t format_value(const ASN1_STRING *value, char *out, size_t size)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, value);
	size_t used = 0;

	for (int i = 0; i < len;) {
		size_t one = shown_len(utf8 + i, len - i);
		bool escape = strchr(",\\", utf8[i]) && utf8[i];

		if (used + escape + (one ? one : 1) >= size)
			break;
		if (escape)
			out[used++] = '\\';
		if (one)
			memcpy(out + used, utf8 + i, one);
		else
			out[used] = '?';
		used += one ? one : 1;
		i += one ? one : 1;
	}
	out[used] = '\0';
	OPENSSL_free(utf8);
	return used;
}

bool dn_format(struct span der, char *out, size_t size)
{
	X509_NAME *name = decode(der);
	size_t used = 0;

	if (!name)
		return false;
	for (int i = 0, set = -1; i < X509_NAME_entry_count(name) && used + 1 < size; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		bool same_set = X509_NAME_ENTRY_set(entry) == set;
		char attribute[64];

		format_attribute(X509_NAME_ENTRY_get_object(entry), attribute, sizeof(attribute));
		used += snprintf(out + used, size - used, "%s%s=", !i ? "" : same_set ? "+" : ", ", attribute);
		if (used < size)
			used += format_value(X509_NAME_ENTRY_get_data(entry), out + used, size - used);
		set = X509_NAME_ENTRY_set(entry);
	}
	X509_NAME_free(name);
	ERR_clear_error();
	return true;
}

uint32_t dn_hash(struct span der)
{
	X509_NAME *name = decode(der);
	int ok = 0;
	uint32_t hash = name ? X509_NAME_hash_ex(name, NULL, NULL, &ok) : 0;

	X509_NAME_free(name);
	return ok && !hash ? 1 : hash;
}

bool dn_is_pattern(struct span der)
{
	X509_NAME *name = decode(der);
	bool found = false;

	for (int i = 0; name && i < X509_NAME_entry_count(name); i++)
		found |= is_star(X509_NAME_get_entry(name, i));
	X509_NAME_free(name);
	return found;
}

/* OpenSSL compares whole names in their canonical form. */
static bool same_entry(const X509_NAME_ENTRY *a, const X509_NAME_ENTRY *b)
{
	X509_NAME *one = X509_NAME_new(), *other = X509_NAME_new();
	bool same = one && other && X509_NAME_add_entry(one, a, -1, 0) && X509_NAME_add_entry(other, b, -1, 0) &&
		    !X509_NAME_cmp(one, other);

	X509_NAME_free(one);
	X509_NAME_free(other);
	return same;
}

static bool same_name(const X509_NAME *pattern, const X509_NAME *name, bool stars)
{
	int count = X509_NAME_entry_count(pattern);

	if (X509_NAME_entry_count(name) != count)
		return false;
	for (int i = 0; i < count; i++) {
		const X509_NAME_ENTRY *wanted = X509_NAME_get_entry(pattern, i), *is = X509_NAME_get_entry(name, i);

		if (X509_NAME_ENTRY_set(wanted) != X509_NAME_ENTRY_set(is) ||
		    OBJ_cmp(X509_NAME_ENTRY_get_object(wanted), X509_NAME_ENTRY_get_object(is)))
			return false;
		if (!(stars && is_star(wanted)) && !same_entry(wanted, is))
			return false;
	}
	return true;
}

static bool compare(struct span one, struct span other, bool stars)
{
	X509_NAME *a = decode(one), *b = decode(other);
	bool match = a && b && same_name(a, b, stars);

	X509_NAME_free(a);
	X509_NAME_free(b);
	ERR_clear_error();
	return match;
}

bool dn_equal(struct span a, struct span b)
{
	return compare(a, b, false);
}

bool dn_matches(struct span pattern, struct span name)
{
	return compare(pattern, name, true);
}
