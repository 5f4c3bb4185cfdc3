/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of strongswan.conf(5) syntax. Where strongSwan would read on with a guess, this
 * refuses: an unclosed quote or section, text glued to a quoted string, a file that is not there.
 *
 *   file    = { section | key "=" [ words ] newline | "include" pattern }
 *   section = name [ ":" name { "," name } ] "{" file "}"
 *
 * Words on a line are one value with single blanks between them, up to a newline, "#" or "}".
 */
#include "account.h"
#include "settings_tree.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct parser {
	struct settings *t;
	struct parser *outer; /* the file that includes this one */
	const char *file;
	unsigned int line, depth;
	unsigned int value_line; /* where the last value ended */
	dev_t dev;
	ino_t ino;
	char *text;
	size_t size;
	const char *pos, *end;
	char *why;
	size_t why_size;
	size_t token_len;
	char token[SETTINGS_VALUE_MAX]; /* the last name or value; may be a secret */
};

static int parse_file(struct settings *t, struct parser *outer, struct section *into, const char *path, char *why,
		      size_t why_size);

__attribute__((format(printf, 3, 4))) static int fail_at(struct parser *p, unsigned int line, const char *fmt, ...)
{
	va_list args;
	int used = snprintf(p->why, p->why_size, "%s:%u: ", p->file, line);

	va_start(args, fmt);
	if (used >= 0 && (size_t)used < p->why_size)
		vsnprintf(p->why + used, p->why_size - used, fmt, args);
	va_end(args);
	return -EINVAL;
}

static int fail_tree(struct parser *p, unsigned int line, int err)
{
	if (err == -E2BIG)
		fail_at(p, line, "too many sections, keys or files");
	else
		fail_at(p, line, "%s", strerror(-err));
	return err;
}

static int fail_nul(struct parser *p)
{
	return fail_at(p, p->line, "NUL byte: is this a text file?");
}

static int peek(const struct parser *p)
{
	return p->pos < p->end ? (unsigned char)*p->pos : -1;
}

static int next(struct parser *p)
{
	int c = peek(p);

	if (c >= 0)
		p->pos++;
	p->line += c == '\n';
	return c;
}

static void skip_comment(struct parser *p)
{
	while (peek(p) >= 0 && peek(p) != '\n')
		p->pos++;
}

static void skip_blank(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\r')
		p->pos++;
}

/* Blank space, line ends and comments. */
static void skip_space(struct parser *p)
{
	for (;;) {
		skip_blank(p);
		if (peek(p) == '#')
			skip_comment(p);
		else if (peek(p) != '\n')
			return;
		else
			next(p);
	}
}

static int put(struct parser *p, int c)
{
	if (p->token_len + 1 >= sizeof(p->token))
		return fail_at(p, p->line, "longer than %u characters", SETTINGS_VALUE_MAX - 1);
	p->token[p->token_len++] = c;
	p->token[p->token_len] = '\0';
	return 0;
}

static void clear(struct parser *p)
{
	p->token_len = 0;
	p->token[0] = '\0';
}

/* Appends a quoted string to the token; the opening quote is next. */
static int quoted(struct parser *p)
{
	unsigned int line = p->line;
	int c, err = 0;

	next(p);
	while (!err && (c = next(p)) != '"') {
		if (c < 0 || c == '\n')
			return fail_at(p, line, "string without closing quote");
		if (c == '\\') {
			c = next(p);
			if (c == '\r' && peek(p) == '\n')
				c = next(p);
			if (c < 0)
				return fail_at(p, line, "string without closing quote");
			if (c == '\n') /* the line goes on */
				continue;
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
		}
		if (!c)
			return fail_nul(p);
		err = put(p, c);
	}
	return err;
}

static bool is_name(int c)
{
	return c > ' ' && c != 0x7f && !strchr(".,:{}=\"#", c);
}

/* A name into the token; dots too where a reference may have them. */
static int name(struct parser *p, bool dots)
{
	clear(p);
	while (is_name(peek(p)) || (dots && peek(p) == '.'))
		if (put(p, next(p)) < 0)
			return -EINVAL;
	if (p->token_len)
		return 0;
	if (peek(p) < 0)
		return fail_at(p, p->line, "name expected at the end of the file");
	if (peek(p) == '"')
		return fail_at(p, p->line, "names are written without quotes");
	if (isgraph(peek(p)))
		return fail_at(p, p->line, "name expected, not '%c'", peek(p));
	return fail_at(p, p->line, "name expected, not byte 0x%02x", peek(p));
}

static bool ends_value(int c)
{
	return c < 0 || c == '\n' || c == '#' || c == '}';
}

static int word(struct parser *p)
{
	if (peek(p) == '"') {
		if (quoted(p) < 0)
			return -EINVAL;
	} else {
		while (!ends_value(peek(p)) && !strchr(" \t\r{\"", peek(p)))
			if (put(p, next(p)) < 0) /* strchr stops at a NUL byte too */
				return -EINVAL;
		if (peek(p) == 0)
			return fail_nul(p);
	}
	if (peek(p) == '{' || peek(p) == '"')
		return fail_at(p, p->line, "'%c' inside a value: quote the whole value", peek(p));
	if (!ends_value(peek(p)) && !strchr(" \t\r", peek(p)))
		return fail_at(p, p->line, "text right after a quoted string: quote the whole value");
	return 0;
}

/* A value into the token; *present tells "key =" from an empty string. */
static int value(struct parser *p, bool *present)
{
	clear(p);
	*present = false;
	for (;;) {
		skip_blank(p);
		if (ends_value(peek(p)))
			return 0;
		if (*present && put(p, ' ') < 0)
			return -EINVAL;
		*present = true;
		if (word(p) < 0)
			return -EINVAL;
	}
}

static int parse_setting(struct parser *p, struct section *section, const char *key, unsigned int line)
{
	bool present;
	int err;

	next(p); /* = */
	err = value(p, &present);
	if (err < 0)
		return err;
	p->value_line = p->line;
	err = tree_set(p->t, section, key, present ? p->token : NULL, (struct place){ p->file, line });
	return err < 0 ? fail_tree(p, line, err) : 0;
}

static int parse_references(struct parser *p, struct section *section)
{
	int err;

	do {
		next(p); /* : or , */
		skip_space(p);
		if (name(p, true) < 0)
			return -EINVAL;
		err = tree_add_reference(section, p->token, NULL, (struct place){ p->file, p->line });
		if (err < 0)
			return fail_tree(p, p->line, err);
		skip_space(p);
	} while (peek(p) == ',');
	if (peek(p) != '{')
		return fail_at(p, p->line, "'{' expected after the references of section '%s'", section->name);
	return 0;
}

static int parse_body(struct parser *p, struct section *section);

static int parse_section(struct parser *p, struct section *parent, const char *called, unsigned int line)
{
	struct section *s;
	int err;

	if (parent->depth + 1 > SETTINGS_DEPTH)
		return fail_at(p, line, "sections nested more than %d deep", SETTINGS_DEPTH);
	err = tree_add_section(p->t, parent, called, (struct place){ p->file, line }, &s);
	if (err < 0)
		return fail_tree(p, line, err);
	if (peek(p) == ':' && parse_references(p, s) < 0)
		return -EINVAL;
	next(p); /* { */
	err = parse_body(p, s);
	if (err < 0)
		return err;
	if (peek(p) != '}')
		return fail_at(p, line, "section '%s' has no closing '}'", called);
	next(p);
	return 0;
}

static int include_one(struct parser *p, struct section *section, const char *path, unsigned int line)
{
	if (p->depth >= SETTINGS_DEPTH)
		return fail_at(p, line, "includes nested more than %d deep", SETTINGS_DEPTH);
	return parse_file(p->t, p, section, path, p->why, p->why_size);
}

static int include_matching(struct parser *p, struct section *section, const char *pattern, unsigned int line)
{
	bool wild = strpbrk(pattern, "*?[");
	glob_t found;
	int err = glob(pattern, 0, NULL, &found);

	if (err == GLOB_NOMATCH) /* an empty conf.d is fine, a missing file is not */
		return wild ? 0 : fail_at(p, line, "include '%s': no such file", pattern);
	if (err)
		return fail_at(p, line, "include '%s': cannot be read", pattern);
	for (size_t i = 0; i < found.gl_pathc && !err; i++)
		err = include_one(p, section, found.gl_pathv[i], line);
	globfree(&found);
	return err;
}

static int parse_include(struct parser *p, struct section *section, unsigned int line)
{
	char dir[PATH_MAX], pattern[PATH_MAX];
	bool present;

	if (value(p, &present) < 0)
		return -EINVAL;
	if (!p->token_len)
		return fail_at(p, line, "include without a file name");
	if (strlen(p->file) >= sizeof(dir))
		return fail_at(p, line, "path too long");
	strcpy(dir, p->file);
	if ((size_t)snprintf(pattern, sizeof(pattern), "%s%s%s", p->token[0] == '/' ? "" : dirname(dir),
			     p->token[0] == '/' ? "" : "/", p->token) >= sizeof(pattern))
		return fail_at(p, line, "include '%s': path too long", p->token);
	return include_matching(p, section, pattern, line);
}

/* What follows a value on its line may be the rest of a secret with a '}' in it: it is not shown. */
static int fail_after(struct parser *p, unsigned int line, const char *what, const char *called)
{
	if (line == p->value_line)
		return fail_at(p, line, "%s after what follows '}': does the value need quotes?", what);
	return fail_at(p, line, "%s after '%s'", what, called);
}

/* One statement; its name is next. */
static int parse_statement(struct parser *p, struct section *section)
{
	unsigned int line = p->line;
	char called[SETTINGS_PATH];

	if (name(p, false) < 0)
		return -EINVAL;
	if (p->token_len >= sizeof(called))
		return fail_at(p, line, "name longer than %zu characters", sizeof(called) - 1);
	strcpy(called, p->token);
	skip_blank(p);
	if (peek(p) == '=')
		return parse_setting(p, section, called, line);
	if (peek(p) != ':' && peek(p) != '{' && peek(p) != '\n' && !strcmp(called, "include"))
		return parse_include(p, section, line);
	if (peek(p) == '.')
		return fail_after(p, line, "a name cannot have a dot in it, as", called);
	skip_space(p);
	if (peek(p) == '{' || peek(p) == ':')
		return parse_section(p, section, called, line);
	return fail_after(p, line, "'=' or '{' expected", called);
}

/* Statements up to '}' or the end of the file, which is left to be read. */
static int parse_body(struct parser *p, struct section *section)
{
	int err = 0;

	while (!err) {
		skip_space(p);
		if (peek(p) < 0 || peek(p) == '}')
			return 0;
		err = parse_statement(p, section);
	}
	return err;
}

static int refuse_loop(struct parser *p)
{
	for (struct parser *o = p->outer; o; o = o->outer)
		if (o->dev == p->dev && o->ino == p->ino)
			return fail_at(p->outer, p->outer->line, "include of '%s' goes round in a circle", p->file);
	return 0;
}

/* An error about the file itself is put where it was included, if it was. */
static int fail_file(struct parser *p, const char *what)
{
	if (p->outer)
		fail_at(p->outer, p->outer->line, "include '%s': %s", p->file, what);
	else
		snprintf(p->why, p->why_size, "%s: %s", p->file, what);
	return -EINVAL;
}

static int read_all(struct parser *p, int fd)
{
	while (p->size < SETTINGS_FILE_MAX + 1) {
		ssize_t got = read(fd, p->text + p->size, SETTINGS_FILE_MAX + 1 - p->size);

		if (got < 0)
			return fail_file(p, strerror(errno));
		if (!got)
			break;
		p->size += got;
	}
	if (p->size > SETTINGS_FILE_MAX)
		return fail_file(p, "larger than 64 MiB");
	p->pos = p->text;
	p->end = p->text + p->size;
	return 0;
}

static int read_file(struct parser *p)
{
	struct stat st;
	char text[400];
	int fd = open(p->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0) {
		err = -errno;
		fail_file(p, account_explain(p->file, -err, text, sizeof(text)));
		return err;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err = fail_file(p, "not a regular file");
		goto out;
	}
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	err = refuse_loop(p);
	if (err < 0)
		goto out;
	p->text = malloc(SETTINGS_FILE_MAX + 1);
	err = p->text ? read_all(p, fd) : fail_file(p, "out of memory");
out:
	close(fd);
	return err;
}

static int parse_file(struct settings *t, struct parser *outer, struct section *into, const char *path, char *why,
		      size_t why_size)
{
	struct parser *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->t = t;
	p->outer = outer;
	p->depth = outer ? outer->depth + 1 : 0;
	p->file = path;
	p->line = 1;
	p->why = why;
	p->why_size = why_size;

	err = tree_add_file(t, path, &p->file);
	if (err < 0) {
		fail_file(p, strerror(-err));
		goto out;
	}
	err = read_file(p);
	if (!err)
		err = parse_body(p, into);
	if (!err && peek(p) == '}')
		err = fail_at(p, p->line, "'}' closes no section");
out:
	if (p->text)
		explicit_bzero(p->text, p->size);
	free(p->text);
	explicit_bzero(p->token, sizeof(p->token));
	free(p);
	return err;
}

int settings_parse(struct settings *t, const char *path, char *why, size_t why_size)
{
	return parse_file(t, NULL, &t->root, path, why, why_size);
}
