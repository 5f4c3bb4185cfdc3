/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References between sections: "gw-b : defaults, connections.gw-a { }".
 *
 * A section takes the keys that it lacks from what it refers to, in the order written. For
 * every section below what it refers to, its own section of that name gets a further
 * reference, after those written there; so the nearest definition wins at every level, and
 * a section is complete before anyone looks below it.
 */
#include "settings_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FRESH, RESOLVING, RESOLVED };

struct resolver {
	struct settings *t;
	char *why;
	size_t why_size;
};

static int resolve_section(struct resolver *r, struct section *s);

static int fail(struct resolver *r, struct place at, const char *what, const char *name)
{
	snprintf(r->why, r->why_size, "%s:%u: %s%s%s%s", at.file, at.line, what, name ? " '" : "", name ? name : "",
		 name ? "'" : "");
	return -EINVAL;
}

static int fail_tree(struct resolver *r, struct place at, int err)
{
	if (err == -E2BIG)
		fail(r, at, "references make too many sections and keys", NULL);
	else
		fail(r, at, strerror(-err), NULL);
	return err;
}

/* The section of a dotted name from the root, each step completed first. */
static int find_target(struct resolver *r, struct reference *ref)
{
	char name[SETTINGS_PATH], *rest = name, *part;
	struct section *s = &r->t->root;
	int err;

	if (strlen(ref->name) >= sizeof(name))
		return fail(r, ref->place, "name of a section too long", NULL);
	strcpy(name, ref->name);
	while ((part = strsep(&rest, "."))) {
		err = resolve_section(r, s);
		if (err < 0)
			return err;
		for (s = s->sections; s && strcmp(s->name, part);)
			s = s->next;
		if (!s)
			return fail(r, ref->place, "no section", ref->name);
	}
	ref->target = s;
	return 0;
}

static bool has(const struct section *s, const char *key)
{
	for (const struct setting *k = s->settings; k; k = k->next)
		if (!strcmp(k->key, key))
			return true;
	return false;
}

static int inherit(struct resolver *r, struct section *s, struct reference *ref)
{
	int err;

	for (const struct setting *k = ref->target->settings; k; k = k->next) {
		if (has(s, k->key))
			continue;
		err = tree_set(r->t, s, k->key, k->value, (struct place){ k->file, k->line });
		if (err < 0)
			return fail_tree(r, ref->place, err);
	}
	for (struct section *from = ref->target->sections; from; from = from->next) {
		struct section *sub;

		if (s->depth + 1 > SETTINGS_DEPTH)
			return fail(r, ref->place, "references nest sections too deeply", NULL);
		err = tree_add_section(r->t, s, from->name, (struct place){ from->file, from->line }, &sub);
		if (!err)
			err = tree_add_reference(sub, NULL, from, ref->place);
		if (err < 0)
			return fail_tree(r, ref->place, err);
	}
	return 0;
}

/* Completes this section, not those below it. */
static int resolve_section(struct resolver *r, struct section *s)
{
	char path[SETTINGS_PATH];
	int err;

	if (s->resolved == RESOLVED)
		return 0;
	if (s->resolved == RESOLVING)
		return fail(r, (struct place){ s->file, s->line }, "section refers to itself:", section_path(s, path));
	s->resolved = RESOLVING;
	for (struct reference *ref = s->references; ref; ref = ref->next) {
		if (ref->name) {
			err = find_target(r, ref);
			if (err < 0)
				return err;
			ref->target->referenced = true;
		}
		err = resolve_section(r, ref->target);
		if (!err)
			err = inherit(r, s, ref);
		if (err < 0)
			return err;
	}
	s->resolved = RESOLVED;
	return 0;
}

static int resolve_below(struct resolver *r, struct section *s)
{
	int err = resolve_section(r, s);

	for (struct section *sub = s->sections; sub && !err; sub = sub->next)
		err = resolve_below(r, sub);
	return err;
}

int tree_resolve(struct settings *t, char *why, size_t why_size)
{
	struct resolver r = { t, why, why_size };

	return resolve_below(&r, &t->root);
}
