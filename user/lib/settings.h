/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strongSwan's configuration syntax (strongswan.conf(5), swanctl.conf(5)) as a tree: sections,
 * keys, comments, quoted strings, include with wildcards, and references to other sections.
 *
 * Sections that appear twice are one; a later key replaces an earlier one; "key =" takes a key
 * back. Every key and section remembers where it was written, and whether anybody asked
 * for it: what nobody asked for is not supported, and settings_unused names it.
 */
#ifndef XSWAN_SETTINGS_H
#define XSWAN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

#define SETTINGS_DEPTH 16 /* of sections, and of includes */
#define SETTINGS_FILE_MAX (64u << 20) /* bytes in one file */
#define SETTINGS_FILES_MAX 4096u
#define SETTINGS_VALUE_MAX 8192u
#define SETTINGS_NODES_MAX (2u << 20) /* keys and sections, with those inherited by reference */
#define SETTINGS_PATH 256

struct setting {
	struct setting *next;
	struct section *section;
	char *key;
	char *value; /* NULL: taken back by "key =" */
	const char *file;
	unsigned int line;
	bool used;
};

struct section {
	struct section *next, *parent;
	char *name;
	const char *file;
	unsigned int line;
	unsigned int depth; /* root: 0 */
	bool used;
	bool referenced; /* a template for others, so need not be asked for */
	struct setting *settings;
	struct section *sections, *last; /* in order of appearance, inherited ones last */
	struct table_entry by_name; /* in its parent */
	struct reference *references;
	int resolved;
};

struct settings;

/* Reads a file and what it includes. 0, or -errno and "file:line: what is wrong" in why. */
int settings_load(struct settings **settings, const char *path, char *why, size_t why_size)
	__attribute__((warn_unused_result));
void settings_free(struct settings *settings); /* wipes every value */
struct section *settings_root(struct settings *settings);
void settings_forget_use(struct settings *settings); /* nobody has asked for anything yet: to be read once more */

/* NULL when absent or taken back. Marks the key as asked for. */
struct setting *section_get(struct section *section, const char *key);
/* NULL when absent. Marks the section, not what is in it. */
struct section *section_find(struct section *section, const char *name);

/* "connections.gw.local": where in the tree, for messages */
const char *section_path(const struct section *section, char out[static SETTINGS_PATH]);
const char *setting_path(const struct setting *setting, char out[static SETTINGS_PATH]);

/* Calls fn for all that nobody asked for; of a section that nobody asked for only itself (setting: NULL). */
void settings_unused(struct section *section, void (*fn)(void *ctx, struct section *s, struct setting *k), void *ctx);

/*
 * Problems found in settings that parsed: why keeps the first, and how many came after it. Whoever wants all of them is told
 * of each.
 */
struct problems {
	char *why;
	size_t why_size;
	unsigned int count;
	void (*each)(void *ctx, const char *text); /* NULL: nobody */
	void *ctx;
};

void problem_text(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* line 0: the file as a whole */
void problem_at(struct problems *p, const char *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* "file:line: connections.gw.mobike: <what>" */
void problem_setting(struct problems *p, const struct setting *setting, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void problem_section(struct problems *p, const struct section *section, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void problems_unused(struct problems *p, struct section *root); /* one for each thing unasked for */
int problems_end(struct problems *p); /* adds the count; 0 or -EINVAL */

/*
 * Typed values: -EINVAL and a problem when the text is not one. An absent key leaves *out alone.
 * Bounds are inclusive. Time is "30", "30s", "0.5s", "500ms", "5m", "1h", "1d", as microseconds.
 */
int section_get_bool(struct section *section, const char *key, bool *out, struct problems *p);
int section_get_number(struct section *section, const char *key, uint64_t min, uint64_t max, uint64_t *out,
		       struct problems *p);
int section_get_time(struct section *section, const char *key, uint64_t max_seconds, uint64_t *out, struct problems *p);

#endif
