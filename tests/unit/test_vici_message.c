/* SPDX-License-Identifier: Apache-2.0 */
/* The vici codec: bytes on the wire, what a reader refuses, and that what it takes is what was written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/vici/message.h"
#include "vici_copy.h"
#include "../../user/vici/text.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define DEEP4 1, 0, 1, 0, 1, 0, 1, 0
#define END4 2, 2, 2, 2

/* ---- the wire ---- */

static void one_of_each(struct vici_builder *b)
{
	vici_begin_section(b, "s");
	vici_put(b, "key", "value");
	vici_begin_list(b, "l");
	vici_add_item(b, "a");
	vici_add_itemf(b, "%d", 42);
	vici_end_list(b);
	vici_end_section(b);
}

static void test_wire(void **state)
{
	static const uint8_t want[] = {
		1, 1, 's', /* SECTION_START */
		3, 3, 'k', 'e', 'y', 0, 5, 'v', 'a', 'l', 'u', 'e', /* KEY_VALUE */
		4, 1, 'l', /* LIST_START */
		5, 0, 1,   'a', /* LIST_ITEM */
		5, 0, 2,   '4', '2', /* LIST_ITEM */
		6, /* LIST_END */
		2, /* SECTION_END */
	};
	struct vici_builder b = { 0 };

	one_of_each(&b);
	assert_int_equal(vici_builder_check(&b), 0);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	vici_builder_free(&b);
}

static void test_header(void **state)
{
	static const uint8_t event[] = { 0, 1, 0, 5, 7, 3, 'l', 'o', 'g' };
	static const uint8_t unknown[] = { 0, 0, 0, 1, 2 };
	uint8_t out[VICI_HEADER_MAX];

	assert_int_equal(vici_packet_header(out, VICI_EVENT, "log", 65536), sizeof(event));
	assert_memory_equal(out, event, sizeof(event));
	assert_int_equal(vici_packet_header(out, VICI_CMD_UNKNOWN, NULL, 0), sizeof(unknown));
	assert_memory_equal(out, unknown, sizeof(unknown));
}

/* ---- what a builder refuses ---- */

static void end_section_too_often(struct vici_builder *b)
{
	vici_end_section(b);
	vici_begin_section(b, "s");
}

static void section_open(struct vici_builder *b)
{
	vici_begin_section(b, "s");
}

static void list_open(struct vici_builder *b)
{
	vici_begin_list(b, "l");
}

static void list_in_list(struct vici_builder *b)
{
	vici_begin_list(b, "l");
	vici_begin_list(b, "l");
	vici_end_list(b);
	vici_end_list(b);
}

static void key_in_list(struct vici_builder *b)
{
	vici_begin_list(b, "l");
	vici_put(b, "k", "v");
	vici_end_list(b);
}

static void section_in_list(struct vici_builder *b)
{
	vici_begin_list(b, "l");
	vici_begin_section(b, "s");
	vici_end_section(b);
	vici_end_list(b);
}

static void item_outside(struct vici_builder *b)
{
	vici_add_item(b, "v");
}

static void nested(struct vici_builder *b, int depth)
{
	for (int i = 0; i < depth; i++)
		vici_begin_section(b, "s");
	for (int i = 0; i < depth; i++)
		vici_end_section(b);
}

static void deepest(struct vici_builder *b)
{
	nested(b, VICI_DEPTH_MAX);
}

static void too_deep(struct vici_builder *b)
{
	nested(b, VICI_DEPTH_MAX + 1);
}

static void put_sized(struct vici_builder *b, size_t name_len, size_t value_len)
{
	char *name = calloc(1, name_len + 1), *value = calloc(1, value_len + 1);

	assert_true(name && value);
	memset(name, 'n', name_len);
	vici_put_data(b, name, value, value_len);
	free(name);
	free(value);
}

static void longest(struct vici_builder *b)
{
	put_sized(b, 255, 65535);
}

static void name_too_long(struct vici_builder *b)
{
	put_sized(b, 256, 0);
}

static void value_too_long(struct vici_builder *b)
{
	put_sized(b, 1, 65536);
}

static void message_too_long(struct vici_builder *b)
{
	for (int i = 0; i < 8; i++)
		put_sized(b, 1, 65535);
}

static void test_builder(void **state)
{
	static const struct {
		const char *what;
		void (*write)(struct vici_builder *b);
		int want;
	} cases[] = {
		{ "one of each", one_of_each, 0 },
		{ "section ended too often", end_section_too_often, -EINVAL },
		{ "section left open", section_open, -EINVAL },
		{ "list left open", list_open, -EINVAL },
		{ "list in a list", list_in_list, -EINVAL },
		{ "key in a list", key_in_list, -EINVAL },
		{ "section in a list", section_in_list, -EINVAL },
		{ "item outside a list", item_outside, -EINVAL },
		{ "deepest", deepest, 0 },
		{ "too deep", too_deep, -EINVAL },
		{ "longest name and value", longest, 0 },
		{ "name too long", name_too_long, -EMSGSIZE },
		{ "value too long", value_too_long, -EMSGSIZE },
		{ "message too long", message_too_long, -EMSGSIZE },
	};
	char why[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vici_builder b = { 0 };
		struct vici_message m;
		int got;

		cases[i].write(&b);
		got = vici_builder_check(&b);
		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].what, got, cases[i].want);
		assert_true(b.len <= VICI_PACKET_MAX);
		/* a reader takes whatever a builder lets pass */
		if (!got)
			assert_int_equal(vici_message_parse(&m, b.data, b.len, why, sizeof(why)), 0);
		vici_builder_free(&b);
	}
}

/* ---- what a reader refuses ---- */

static int parse_exact(const uint8_t *data, size_t len, struct vici_message *m, void **owner)
{
	char why[160] = "";
	int err;

	*owner = malloc(len ? len : 1); /* exactly as long, so that a read beyond it is seen */
	assert_non_null(*owner);
	if (len)
		memcpy(*owner, data, len);
	err = vici_message_parse(m, *owner, len, why, sizeof(why));
	assert_true(err == 0 || (err == -EBADMSG && why[0]));
	return err;
}

static void test_malformed(void **state)
{
	const struct {
		const char *what;
		const uint8_t *data;
		size_t len;
		int want;
	} cases[] = {
		{ "empty", NULL, 0, 0 },
		{ "empty names", BYTES(1, 0, 3, 0, 0, 0, 2), 0 },
		{ "type 0", BYTES(0), -EBADMSG },
		{ "type 7", BYTES(7), -EBADMSG },
		{ "type 255", BYTES(255), -EBADMSG },
		{ "name without length", BYTES(1), -EBADMSG },
		{ "name cut short", BYTES(3, 2, 'k'), -EBADMSG },
		{ "name with NUL", BYTES(3, 2, 'k', 0, 0, 0), -EBADMSG },
		{ "value without length", BYTES(3, 1, 'k', 0), -EBADMSG },
		{ "value cut short", BYTES(3, 1, 'k', 0, 2, 'v'), -EBADMSG },
		{ "value with NUL", BYTES(3, 1, 'k', 0, 1, 0), 0 },
		{ "section without end", BYTES(1, 1, 's'), -EBADMSG },
		{ "end without section", BYTES(2), -EBADMSG },
		{ "list without end", BYTES(4, 1, 'l'), -EBADMSG },
		{ "end without list", BYTES(6), -EBADMSG },
		{ "item outside a list", BYTES(5, 0, 0), -EBADMSG },
		{ "list in a list", BYTES(4, 1, 'l', 4, 1, 'l', 6, 6), -EBADMSG },
		{ "section in a list", BYTES(4, 1, 'l', 1, 1, 's', 2, 6), -EBADMSG },
		{ "key in a list", BYTES(4, 1, 'l', 3, 1, 'k', 0, 0, 6), -EBADMSG },
		{ "section ends in a list", BYTES(1, 1, 's', 4, 1, 'l', 2, 6), -EBADMSG },
		{ "16 sections deep", BYTES(DEEP4, DEEP4, DEEP4, DEEP4, END4, END4, END4, END4), 0 },
		{ "17 sections deep", BYTES(DEEP4, DEEP4, DEEP4, DEEP4, 1, 0, 2, END4, END4, END4, END4), -EBADMSG },
		{ "list ends in a section", BYTES(4, 1, 'l', 6, 1, 1, 's', 6, 2), -EBADMSG },
	};
	struct vici_message m;
	void *owner;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int got = parse_exact(cases[i].data, cases[i].len, &m, &owner);

		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].what, got, cases[i].want);
		free(owner);
	}
}

static void test_truncated(void **state)
{
	struct vici_builder b = { 0 };
	struct vici_message m;
	void *owner;

	one_of_each(&b); /* one section: no proper prefix of it but the empty one is whole */
	for (size_t len = 0; len <= b.len; len++) {
		assert_int_equal(parse_exact(b.data, len, &m, &owner), len == 0 || len == b.len ? 0 : -EBADMSG);
		free(owner);
	}
	vici_builder_free(&b);
}

/* There is one way to write a message, so what is accepted must come back byte for byte. */
static void test_mutated(void **state)
{
	uint32_t rng = 20240501, accepted = 0;
	struct vici_builder b = { 0 };
	uint8_t data[512];

	one_of_each(&b);
	vici_put(&b, "another", "");
	one_of_each(&b);
	assert_int_equal(vici_builder_check(&b), 0);
	assert_true(b.len <= sizeof(data));
	for (int round = 0; round < 100000; round++) {
		struct vici_builder again = { 0 };
		struct vici_message m;
		size_t len = b.len;
		void *owner;

		memcpy(data, b.data, len);
		for (int n = 1 + round % 3; n; n--) {
			rng = rng * 1664525 + 1013904223;
			data[(rng >> 8) % len] = (rng & 1) ? rng >> 24 : (rng >> 24) % 8;
		}
		if (!parse_exact(data, len, &m, &owner)) {
			accepted++;
			vici_copy(&again, &m);
			assert_int_equal(vici_builder_check(&again), 0);
			if (!vici_is_copy(&again, data, len))
				fail_msg("round %d: it is another message now", round);
		}
		free(owner);
		vici_builder_free(&again);
	}
	assert_in_range(accepted, 1000, 99000); /* both verdicts were seen, often */
	vici_builder_free(&b);
}

/* ---- reading by name ---- */

static void test_find(void **state)
{
	struct vici_message m, section, list;
	struct vici_builder b = { 0 };
	struct vici_element e;
	char text[8];

	one_of_each(&b);
	vici_put(&b, "key", "outer");
	vici_put(&b, "a.b", "dot");
	vici_put_data(&b, "nul", "a\0b", 3);
	vici_put(&b, "long", "12345678");
	m = vici_builder_message(&b);

	assert_string_equal(vici_get(&m, "key", text, sizeof(text)), "outer"); /* not the one in the section */
	assert_string_equal(vici_get(&m, "a.b", text, sizeof(text)), "dot");
	assert_null(vici_get(&m, "nul", text, sizeof(text)));
	assert_null(vici_get(&m, "long", text, sizeof(text)));
	assert_null(vici_get(&m, "l", text, sizeof(text)));
	assert_true(vici_has(&m, "long"));
	assert_false(vici_has(&m, "value"));
	assert_true(vici_find_section(&m, "s", &section));
	assert_false(vici_find_section(&m, "key", &section));
	assert_string_equal(vici_get(&section, "key", text, sizeof(text)), "value");
	assert_true(vici_find_list(&section, "l", &list));
	assert_false(vici_find_list(&m, "l", &list));
	struct vici_cursor c = vici_iterate(&list);
	assert_true(vici_next(&c, &e) && e.type == VICI_ITEM && e.len == 1 && e.value[0] == 'a');
	assert_true(vici_next(&c, &e) && e.type == VICI_ITEM && e.len == 2 && !memcmp(e.value, "42", 2));
	assert_false(vici_next(&c, &e));
	vici_builder_free(&b);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t u;
		int64_t i;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4294967296", 4294967296, 4294967296 },
		{ "18446744073709551615", UINT64_MAX, -7 },
		{ "18446744073709551616", 7, -7 },
		{ "-1", 7, -1 },
		{ "+1", 7, -7 },
		{ " 1", 7, -7 },
		{ "1 ", 7, -7 },
		{ "0x10", 7, -7 },
		{ "", 7, -7 },
		{ "999999999999999999999999", 7, -7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vici_builder b = { 0 };
		struct vici_message m;

		vici_put(&b, "n", cases[i].text);
		m = vici_builder_message(&b);
		if (vici_get_u64(&m, "n", 7) != cases[i].u || vici_get_i64(&m, "n", -7) != cases[i].i)
			fail_msg("'%s' read as %llu and %lld", cases[i].text,
				 (unsigned long long)vici_get_u64(&m, "n", 7), (long long)vici_get_i64(&m, "n", -7));
		vici_builder_free(&b);
	}
}

static void test_bool(void **state)
{
	struct vici_builder b = { 0 };
	struct vici_message m;

	vici_put(&b, "a", "yes");
	vici_put(&b, "b", "NO");
	vici_put(&b, "c", "maybe");
	vici_put_flag(&b, "d", true);
	vici_put_flag(&b, "e", false);
	m = vici_builder_message(&b);
	assert_true(vici_get_bool(&m, "a", false));
	assert_false(vici_get_bool(&m, "b", true));
	assert_true(vici_get_bool(&m, "c", true));
	assert_false(vici_get_bool(&m, "c", false));
	assert_true(vici_get_bool(&m, "d", false));
	assert_false(vici_has(&m, "e")); /* present is set, for the protocol's readers */
	vici_builder_free(&b);
}

/* ---- packets ---- */

static void test_packets(void **state)
{
	const struct {
		const char *what;
		const uint8_t *data;
		size_t len;
		int want;
	} cases[] = {
		{ "no type", NULL, 0, -EBADMSG },
		{ "request", BYTES(0, 2, 'u', 'p', 3, 1, 'k', 0, 1, 'v'), 0 },
		{ "request without name", BYTES(0), -EBADMSG },
		{ "name cut short", BYTES(0, 3, 'u', 'p'), -EBADMSG },
		{ "name with NUL", BYTES(0, 2, 'u', 0), -EBADMSG },
		{ "request with bad message", BYTES(0, 2, 'u', 'p', 3), -EBADMSG },
		{ "empty response", BYTES(1), 0 },
		{ "registration", BYTES(3, 3, 'l', 'o', 'g'), 0 },
		{ "registration with message", BYTES(3, 3, 'l', 'o', 'g', 3, 1, 'k', 0, 0), -EBADMSG },
		{ "confirmation with more", BYTES(5, 1), -EBADMSG },
		{ "event", BYTES(7, 3, 'l', 'o', 'g', 3, 1, 'k', 0, 0), 0 },
		{ "type 8", BYTES(8), -EBADMSG },
	};
	struct vici_packet p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[160] = "";
		int got = vici_packet_parse(&p, cases[i].data, cases[i].len, why, sizeof(why));

		if (got != cases[i].want || !!got != !!why[0])
			fail_msg("%s: %d (%s), not %d", cases[i].what, got, why, cases[i].want);
	}
}

/* ---- text from others ---- */

static void test_text(void **state)
{
	static const struct {
		const char *from, *one_line, *lines;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "a\nb", "a b", "a\nb" },
		{ "\033[31mred", "?[31mred", "?[31mred" },
		{ "tab\there\x7f", "tab?here?", "tab?here?" },
		{ "b\xc3\xbcro \xe2\x82\xac \xf0\x9f\x90\xa2", "b\xc3\xbcro \xe2\x82\xac \xf0\x9f\x90\xa2",
		  "b\xc3\xbcro \xe2\x82\xac \xf0\x9f\x90\xa2" },
		{ "\xc2\x9b", "?", "?" }, /* CSI as C1 */
		{ "\xff\xfe", "??", "??" },
		{ "\xc0\x80", "??", "??" }, /* overlong */
		{ "\xe0\x80\x80", "???", "???" },
		{ "\xed\xa0\x80", "???", "???" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "????", "????" }, /* beyond U+10FFFF */
		{ "cut \xe2\x82", "cut ??", "cut ??" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(text, cases[i].from);
		assert_string_equal(text_clean(text, TEXT_ONE_LINE), cases[i].one_line);
		strcpy(text, cases[i].from);
		assert_string_equal(text_clean(text, TEXT_LINES), cases[i].lines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),      cmocka_unit_test(test_header),    cmocka_unit_test(test_builder),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_truncated), cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_find),      cmocka_unit_test(test_numbers),   cmocka_unit_test(test_bool),
		cmocka_unit_test(test_packets),   cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
