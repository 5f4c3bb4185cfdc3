/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration syntax: what a file means, and what is said about one that means nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "../../user/lib/settings.h"
#include "files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int load(struct settings **s, const char *name, char why[512])
{
	char path[256];
	int err;

	strcpy(why, "(no reason given)");
	files_path(path, name);
	err = settings_load(s, path, why, 512);
	files_relative(why);
	return err;
}

/* The tree on one line: a=b;sec{c=d;} */
static void dump(struct section *s, char *out, size_t size)
{
	for (struct setting *k = s->settings; k; k = k->next) {
		size_t used = strlen(out);

		if (k->value)
			snprintf(out + used, size - used, "%s=%s;", k->key, k->value);
		else
			snprintf(out + used, size - used, "%s;", k->key);
	}
	for (struct section *sub = s->sections; sub; sub = sub->next) {
		snprintf(out + strlen(out), size - strlen(out), "%s{", sub->name);
		dump(sub, out, size);
		snprintf(out + strlen(out), size - strlen(out), "}");
	}
}

static void expect_tree(const char *tree)
{
	char out[1024] = "", why[512];
	struct settings *s;

	if (load(&s, "main.conf", why) < 0)
		fail_msg("%s (expected %s)", why, tree);
	dump(settings_root(s), out, sizeof(out));
	assert_string_equal(out, tree);
	settings_free(s);
}

static void expect_error(const char *text, const char *message)
{
	struct settings *s = NULL;
	char why[512];
	int err = load(&s, "main.conf", why);

	if (err == 0) {
		settings_free(s);
		fail_msg("accepted: %s", text);
	}
	assert_true(err < 0);
	assert_null(s);
	assert_string_equal(why, message);
}

static void trees(void **state)
{
	static const struct {
		const char *text, *tree;
	} t[] = {
		{ "", "" },
		{ "# nothing", "" },
		{ "a = b", "a=b;" },
		{ "a=b\n", "a=b;" },
		{ "a = b # c\n", "a=b;" },
		{ "a = b#c\n", "a=b;" },
		{ "a = b   c\t d \r\n", "a=b c d;" },
		{ "a =\nb = c\n", "a;b=c;" },
		{ "a = \"\"\n", "a=;" },
		{ "a = \"b # { } = c\"\n", "a=b # { } = c;" },
		{ "a = \"q\\\"q \\\\ t\\tn\\n x\\x\"\n", "a=q\"q \\ t\tn\n xx;" },
		{ "a = \"one \\\n two\"\nb = c", "a=one  two;b=c;" },
		{ "a = x=y, z=w\n", "a=x=y, z=w;" },
		{ "a = 1\na = 2\n", "a=2;" },
		{ "a = 1\na =\n", "a;" },
		{ "s { a = b }", "s{a=b;}" },
		{ "s{a=b}", "s{a=b;}" },
		{ "s\n{\n a = b\n}\n", "s{a=b;}" },
		{ "s {}", "s{}" },
		{ "s { t { a = b } u { } }", "s{t{a=b;}u{}}" },
		{ "s { a = 1\n b = 2\n }\nc = 3\ns { b = 4\n d = 5 }", "c=3;s{a=1;b=4;d=5;}" },
		{ "include = a\n", "include=a;" },
		{ "include { a = b }", "include{a=b;}" },
		{ "includes = a\n", "includes=a;" },
		{ "secret = 0sAbCd==\n", "secret=0sAbCd==;" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		files_put("main.conf", t[i].text);
		expect_tree(t[i].tree);
	}
}

static void errors(void **state)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{ "a", "main.conf:1: '=' or '{' expected after 'a'" },
		{ "\n\na b = c\n", "main.conf:3: '=' or '{' expected after 'a'" },
		{ "a\n= b\n", "main.conf:1: '=' or '{' expected after 'a'" },
		{ "a.b = c\n", "main.conf:1: a name cannot have a dot in it, as after 'a'" },
		{ "s {\n secret = geh}eim }\n",
		  "main.conf:2: '=' or '{' expected after what follows '}': does the value need quotes?" },
		{ "s {\n secret = geh}e.im }\n", "main.conf:2: a name cannot have a dot in it, as after what follows "
						 "'}': does the value need quotes?" },
		{ "= b\n", "main.conf:1: name expected, not '='" },
		{ "a = b\n\x01 = c\n", "main.conf:2: name expected, not byte 0x01" },
		{ "s {\n a = b\n", "main.conf:1: section 's' has no closing '}'" },
		{ "\ns {\n t {\n}\n", "main.conf:2: section 's' has no closing '}'" },
		{ "a = b\n}\n", "main.conf:2: '}' closes no section" },
		{ "a = \"b\nc\n", "main.conf:1: string without closing quote" },
		{ "a = \"b", "main.conf:1: string without closing quote" },
		{ "a = \"b\\", "main.conf:1: string without closing quote" },
		{ "a = b\"c\"\n", "main.conf:1: '\"' inside a value: quote the whole value" },
		{ "a = \"b\"c\n", "main.conf:1: text right after a quoted string: quote the whole value" },
		{ "a = b { c }\n", "main.conf:1: '{' inside a value: quote the whole value" },
		{ "\"a\" = b\n", "main.conf:1: names are written without quotes" },
		{ "s : {\n}\n", "main.conf:1: name expected, not '{'" },
		{ "t { }\ns : t\na = b\n", "main.conf:3: '{' expected after the references of section 's'" },
		{ "s : t {\n}\n", "main.conf:1: no section 't'" },
		{ "\ns : s { }\n", "main.conf:2: section refers to itself: 's'" },
		{ "a : b { }\nb : a { }\n", "main.conf:1: section refers to itself: 'a'" },
		{ "s {\n t : s { }\n}\n", "main.conf:2: references nest sections too deeply" },
		{ "include\n", "main.conf:1: '=' or '{' expected after 'include'" },
		{ "include", "main.conf:1: include without a file name" },
		{ "\ninclude none.conf\n", "main.conf:2: include 'none.conf': no such file" },
		{ "include main.conf\n", "main.conf:1: include of 'main.conf' goes round in a circle" },
		{ "include .\n", "main.conf:1: include '.': not a regular file" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		files_put("main.conf", t[i].text);
		expect_error(t[i].text, t[i].message);
	}
	files_put_bytes("main.conf", "a = b\nc = d\0e\n", 14);
	expect_error("NUL", "main.conf:2: NUL byte: is this a text file?");
	files_put_bytes("main.conf", "a = \"d\0e\"\n", 10);
	expect_error("NUL in quotes", "main.conf:1: NUL byte: is this a text file?");
	files_delete("main.conf");
	expect_error("no file", "main.conf: No such file or directory");
}

static void limits(void **state)
{
	static char text[SETTINGS_FILE_MAX + 2];
	size_t used = 0;
	char path[64];

	for (int i = 0; i <= SETTINGS_DEPTH; i++)
		used += sprintf(text + used, "s {\n");
	files_put("main.conf", text);
	snprintf(path, sizeof(path), "main.conf:%d: sections nested more than 16 deep", SETTINGS_DEPTH + 1);
	expect_error("deep", path);

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "a = ", 4);
	text[SETTINGS_VALUE_MAX + 10] = '\0';
	files_put("main.conf", text);
	expect_error("long value", "main.conf:1: longer than 8191 characters");

	memset(text, 'x', 300);
	strcpy(text + 300, " = a");
	files_put("main.conf", text);
	expect_error("long name", "main.conf:1: name longer than 255 characters");

	memset(text, '\n', sizeof(text) - 1);
	files_put("main.conf", text);
	expect_error("large file", "main.conf: larger than 64 MiB");

	/* each section refers to the one before it twice over: 2^n without a bound */
	used = sprintf(text, "s0 { a { } b { } }\n");
	for (int i = 1; i < 15; i++)
		used += sprintf(text + used, "s%d { a : s%d { }\n b : s%d { }\n c : s%d { }\n d : s%d { } }\n", i,
				i - 1, i - 1, i - 1, i - 1);
	files_put("main.conf", text);
	expect_error("exponential", "main.conf:39: references make too many sections and keys");
}

static void includes(void **state)
{
	files_mkdir("conf.d");
	files_mkdir("conf.d/sub");
	files_put("conf.d/10-a.conf", "s { a = 1\n b = 1\n }\ninclude sub/c.conf\n");
	files_put("conf.d/20-b.conf", "s { b = 2 }\n");
	files_put("conf.d/ignored.txt", "a b c");
	files_put("conf.d/sub/c.conf", "c = here\n");

	files_put("main.conf", "s { a = 0\n b = 0\n }\ninclude conf.d/*.conf\n");
	expect_tree("c=here;s{a=1;b=2;}");
	files_put("main.conf", "include conf.d/*.conf\ns { b = 3 }\n");
	expect_tree("c=here;s{a=1;b=3;}");
	files_put("main.conf", "top {\n include \"conf.d/sub/*.conf\" # into the section\n include none.d/*.conf\n}\n");
	expect_tree("top{c=here;}");
	files_put("main.conf", "top { include conf.d/sub/c.conf }\n");
	expect_tree("top{c=here;}");

	files_put("conf.d/20-b.conf", "ok = 1\n\nbad\n");
	files_put("main.conf", "include conf.d/*.conf\n");
	expect_error("bad include", "conf.d/20-b.conf:3: '=' or '{' expected after 'bad'");
	files_put("conf.d/20-b.conf", "include ../main.conf\n");
	expect_error("loop", "conf.d/20-b.conf:1: include of 'conf.d/../main.conf' goes round in a circle");
	files_put("conf.d/20-b.conf", "}\n");
	files_put("main.conf", "s {\ninclude conf.d/20-b.conf\n}\n");
	expect_error("closes outside", "conf.d/20-b.conf:1: '}' closes no section");
}

static void references(void **state)
{
	static const struct {
		const char *text, *tree;
	} t[] = {
		{ "d { a = 1\n b = 1 }\ns : d { b = 2 }", "d{a=1;b=1;}s{b=2;a=1;}" },
		{ "s : d { b = 2 }\nd { a = 1\n b = 1 }", "s{b=2;a=1;}d{a=1;b=1;}" },
		{ "d { a = 1 }\ns : d { a =\n }", "d{a=1;}s{a;}" },
		{ "d { a = 1 }\ne { a = 2\n b = 2 }\ns : d, e { }", "d{a=1;}e{a=2;b=2;}s{a=1;b=2;}" },
		{ "d { x { a = 1 } y { b = 2 } }\ns : d { x { c = 3 } }", "d{x{a=1;}y{b=2;}}s{x{c=3;a=1;}y{b=2;}}" },
		{ "d { a = 1 }\ne : d { b = 2 }\ns : e { }", "d{a=1;}e{b=2;a=1;}s{b=2;a=1;}" },
		{ "p { q { a = 1 } }\ns : p.q { }", "p{q{a=1;}}s{a=1;}" },
		/* a reference of its own comes before one inherited */
		{ "d { x { a = far } }\ne { a = near }\ns : d { x : e { } }", "d{x{a=far;}}e{a=near;}s{x{a=near;}}" },
		/* to what another section has only by reference */
		{ "d { x { a = 1 } }\ne : d { }\ns : e.x { }", "d{x{a=1;}}e{x{a=1;}}s{a=1;}" },
		{ "c { a { k = 1 }\n b : c.a { l = 2 } }", "c{a{k=1;}b{l=2;k=1;}}" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		files_put("main.conf", t[i].text);
		expect_tree(t[i].tree);
	}
}

/* Where things were written, and what nobody asked for. */
static void origins(void **state)
{
	struct problems p = { 0 };
	char why[512], path[SETTINGS_PATH];
	struct section *s, *sub;
	struct settings *t;

	files_put("more.conf", "\nconns { gw { extra = 1 } }\n");
	files_put("main.conf", "tmpl { inherited = 1\n cleared = 1 }\n"
			       "conns {\n gw : tmpl {\n  asked = 1\n  cleared =\n  never = 1\n  sub { x = 1 }\n }\n}\n"
			       "include more.conf\nunknown { a = b }\n");
	assert_int_equal(load(&t, "main.conf", why), 0);
	s = section_find(section_find(settings_root(t), "conns"), "gw");
	assert_int_equal(s->line, 4);
	assert_null(section_find(s, "none"));
	assert_null(section_get(s, "none"));
	assert_null(section_get(s, "cleared"));
	assert_int_equal(section_get(s, "asked")->line, 5);
	sub = section_find(s, "sub");
	assert_string_equal(setting_path(section_get(sub, "x"), path), "conns.gw.sub.x");

	p = (struct problems){ .why = why, .why_size = sizeof(why) };
	problems_unused(&p, settings_root(t));
	assert_int_equal(p.count, 4); /* never, extra, inherited; the section unknown; not its key, not tmpl */
	assert_int_equal(problems_end(&p), -EINVAL);
	assert_string_equal(files_relative(why), "main.conf:7: conns.gw.never: not supported (and 3 more problems)");

	section_get(s, "never");
	section_get(s, "extra");
	p = (struct problems){ .why = why, .why_size = sizeof(why) };
	problems_unused(&p, settings_root(t));
	problems_end(&p);
	assert_string_equal(files_relative(why), "main.conf:1: conns.gw.inherited: not supported (and 1 more problem)");

	section_get(s, "inherited");
	p = (struct problems){ .why = why, .why_size = sizeof(why) };
	problems_unused(&p, settings_root(t));
	problems_end(&p);
	assert_string_equal(files_relative(why), "main.conf:12: unknown: section not supported");
	settings_free(t);
}

static void typed(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t usec;
		const char *message;
	} t[] = {
		{ "5", 0, 5000000, NULL },
		{ "5s", 0, 5000000, NULL },
		{ "0", 0, 0, NULL },
		{ "1.5", 0, 1500000, NULL },
		{ "0.25s", 0, 250000, NULL },
		{ "500ms", 0, 500000, NULL },
		{ "1.5ms", 0, 1500, NULL },
		{ "2m", 0, 120000000, NULL },
		{ "1h", 0, 3600000000, NULL },
		{ "60m", 0, 3600000000, NULL },
		{ "61m", -EINVAL, 0, "main.conf:1: t: 61m is too long: at most 3600s" },
		{ "1d", -EINVAL, 0, "main.conf:1: t: 1d is too long: at most 3600s" },
		{ "99999999999999999999", -EINVAL, 0,
		  "main.conf:1: t: 99999999999999999999 is too long: at most 3600s" },
		{ "-1", -EINVAL, 0, "" },
		{ "1.", -EINVAL, 0, "" },
		{ "1.2.3", -EINVAL, 0, "" },
		{ "1 s", -EINVAL, 0, "" },
		{ "1w", -EINVAL, 0, "" },
		{ "s", -EINVAL, 0, "" },
		{ "\"\"", -EINVAL, 0, "" },
	};
	char text[64], why[512];
	struct settings *s;

	for (size_t i = 0; i < COUNT(t); i++) {
		struct problems p = { .why = why, .why_size = sizeof(why) };
		uint64_t usec = 77;

		snprintf(text, sizeof(text), "t = %s\n", t[i].text);
		files_put("main.conf", text);
		assert_int_equal(load(&s, "main.conf", why), 0);
		if (section_get_time(settings_root(s), "t", 3600, &usec, &p) != t[i].err)
			fail_msg("%s", t[i].text);
		assert_int_equal(usec, t[i].err ? 77 : t[i].usec);
		if (t[i].message && *t[i].message)
			assert_string_equal(files_relative(why), t[i].message);
		else if (t[i].message)
			assert_non_null(strstr(why, "is not a time: write seconds, or a number with ms, s, m, h or d"));
		settings_free(s);
	}
}

static void numbers_and_bools(void **state)
{
	struct problems p;
	struct settings *s;
	struct section *root;
	uint64_t n = 5;
	bool yes = true;
	char why[512];

	files_put("main.conf", "n = 64\nbig = 65\nneg = -1\nhex = 0x10\nhuge = 99999999999999999999\n"
			       "y = Yes\nno = false\nmaybe = maybe\n");
	assert_int_equal(load(&s, "main.conf", why), 0);
	root = settings_root(s);
	p = (struct problems){ .why = why, .why_size = sizeof(why) };
	assert_int_equal(section_get_number(root, "absent", 1, 64, &n, &p), 0);
	assert_int_equal(n, 5);
	assert_int_equal(section_get_number(root, "n", 1, 64, &n, &p), 0);
	assert_int_equal(n, 64);
	assert_int_equal(section_get_bool(root, "absent", &yes, &p), 0);
	assert_true(yes);
	assert_int_equal(section_get_bool(root, "no", &yes, &p), 0);
	assert_false(yes);
	assert_int_equal(section_get_bool(root, "y", &yes, &p), 0);
	assert_true(yes);
	assert_int_equal(p.count, 0);
	assert_int_equal(section_get_number(root, "big", 1, 64, &n, &p), -EINVAL);
	assert_string_equal(files_relative(why), "main.conf:2: big: 65 is out of range: 1 to 64");
	assert_int_equal(section_get_number(root, "neg", 1, 64, &n, &p), -EINVAL);
	assert_int_equal(section_get_number(root, "hex", 1, 64, &n, &p), -EINVAL);
	assert_int_equal(section_get_number(root, "huge", 1, UINT64_MAX, &n, &p), -EINVAL);
	assert_int_equal(section_get_bool(root, "maybe", &yes, &p), -EINVAL);
	assert_int_equal(n, 64);
	assert_int_equal(p.count, 5);
	settings_free(s);
}

/* Nothing that a file may hold makes the parser crash, and what it refuses it explains. */
static void damaged(void **state)
{
	static const char whole[] =
		"tmpl { a = 1\n x { y = \"z\\\"z\" } }\n# comment\nconns {\n gw : tmpl, conns.other {\n"
		"  id = \"@#6b\" # c\n  children { net { ts = 10.0.0.0/8, 10.1.0.0/16 } }\n }\n"
		" other { b = c d }\n}\ninclude more-*.conf\n";
	unsigned int seed = 20240817, accepted = 0, refused = 0;
	char text[sizeof(whole)], why[512];
	struct settings *s;

	files_put("more-1.conf", "conns { gw { more = 1 } }\n");
	for (size_t i = 0; i < 3000; i++) {
		size_t len = i < sizeof(whole) ? i : sizeof(whole) - 1;

		memcpy(text, whole, sizeof(whole));
		if (i >= sizeof(whole))
			for (int n = rand_r(&seed) % 4; n >= 0; n--)
				text[rand_r(&seed) % len] = i % 2 ? "{}:=\"\\\n#,. a"[rand_r(&seed) % 12]
								  : rand_r(&seed) & 0xff;
		files_put_bytes("main.conf", text, len);
		if (load(&s, "main.conf", why) == 0) {
			settings_free(s);
			accepted++;
			continue;
		}
		refused++;
		if (strncmp(why, "main.conf:", 10) && strncmp(why, "more-1.conf:", 12))
			fail_msg("no place in '%s'", why);
	}
	assert_true(accepted > 100 && refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(trees, files_begin, files_end),
		cmocka_unit_test_setup_teardown(errors, files_begin, files_end),
		cmocka_unit_test_setup_teardown(limits, files_begin, files_end),
		cmocka_unit_test_setup_teardown(includes, files_begin, files_end),
		cmocka_unit_test_setup_teardown(references, files_begin, files_end),
		cmocka_unit_test_setup_teardown(origins, files_begin, files_end),
		cmocka_unit_test_setup_teardown(typed, files_begin, files_end),
		cmocka_unit_test_setup_teardown(numbers_and_bools, files_begin, files_end),
		cmocka_unit_test_setup_teardown(damaged, files_begin, files_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
