/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings_tree.h"

struct file_name {
	struct file_name *next;
	char path[];
};

static void free_setting(struct setting *k)
{
	if (k->value)
		explicit_bzero(k->value, strlen(k->value));
	free(k->value);
	free(k->key);
	free(k);
}

/* What a section holds; depth is bounded by SETTINGS_DEPTH. */
static void free_content(struct section *s)
{
	struct setting *k;
	struct section *sub;
	struct reference *r;

	while ((k = s->settings)) {
		s->settings = k->next;
		free_setting(k);
	}
	while ((r = s->references)) {
		s->references = r->next;
		free(r->name);
		free(r);
	}
	while ((sub = s->sections)) {
		s->sections = sub->next;
		free_content(sub);
		free(sub->name);
		free(sub);
	}
}

void settings_free(struct settings *t)
{
	struct file_name *f;

	if (!t)
		return;
	free_content(&t->root);
	table_free(&t->sections);
	while ((f = t->files)) {
		t->files = f->next;
		free(f);
	}
	free(t);
}

int settings_load(struct settings **settings, const char *path, char *why, size_t why_size)
{
	struct settings *t = calloc(1, sizeof(*t));
	int err;

	if (!t || table_init(&t->sections)) {
		free(t);
		snprintf(why, why_size, "%s: out of memory", path);
		return -ENOMEM;
	}
	err = settings_parse(t, path, why, why_size);
	if (!err)
		err = tree_resolve(t, why, why_size);
	if (err) {
		settings_free(t);
		return err;
	}
	*settings = t;
	return 0;
}

struct section *settings_root(struct settings *settings)
{
	return &settings->root;
}

static struct setting *lookup_setting(const struct section *s, const char *key)
{
	struct setting *k = s->settings;

	while (k && strcmp(k->key, key))
		k = k->next;
	return k;
}

static struct section *lookup_section(const struct section *s, const char *name)
{
	struct section *sub = s->sections;

	while (sub && strcmp(sub->name, name))
		sub = sub->next;
	return sub;
}

static void forget_use(struct section *section)
{
	for (struct setting *k = section->settings; k; k = k->next)
		k->used = false;
	for (struct section *sub = section->sections; sub; sub = sub->next) {
		sub->used = false;
		forget_use(sub);
	}
}

void settings_forget_use(struct settings *settings)
{
	forget_use(settings_root(settings));
}

struct setting *section_get(struct section *section, const char *key)
{
	struct setting *k = lookup_setting(section, key);

	if (!k)
		return NULL;
	k->used = true;
	return k->value ? k : NULL;
}

struct section *section_find(struct section *section, const char *name)
{
	struct section *sub = lookup_section(section, name);

	if (sub)
		sub->used = true;
	return sub;
}

const char *section_path(const struct section *section, char out[static SETTINGS_PATH])
{
	size_t used = 0;

	out[0] = '\0';
	if (section->parent && section->parent->parent) {
		section_path(section->parent, out);
		used = strlen(out);
	}
	if (section->parent)
		snprintf(out + used, SETTINGS_PATH - used, "%s%s", used ? "." : "", section->name);
	return out;
}

const char *setting_path(const struct setting *setting, char out[static SETTINGS_PATH])
{
	size_t used = strlen(section_path(setting->section, out));

	snprintf(out + used, SETTINGS_PATH - used, "%s%s", used ? "." : "", setting->key);
	return out;
}

void settings_unused(struct section *section, void (*fn)(void *ctx, struct section *s, struct setting *k), void *ctx)
{
	for (struct setting *k = section->settings; k; k = k->next)
		if (!k->used && k->value)
			fn(ctx, section, k);
	for (struct section *sub = section->sections; sub; sub = sub->next) {
		if (sub->used)
			settings_unused(sub, fn, ctx);
		else if (!sub->referenced)
			fn(ctx, sub, NULL);
	}
}

static int count_node(struct settings *t)
{
	if (t->node_count >= SETTINGS_NODES_MAX)
		return -E2BIG;
	t->node_count++;
	return 0;
}

static uint64_t section_key(const struct section *parent, const char *name)
{
	return table_hash_text((uintptr_t)parent, name);
}

static struct section *known_section(const struct settings *t, const struct section *parent, const char *name)
{
	struct table_entry *entry = table_find(&t->sections, section_key(parent, name));

	for (; entry; entry = table_next(entry)) {
		struct section *s = table_container(entry, struct section, by_name);

		if (s->parent == parent && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

int tree_add_section(struct settings *t, struct section *parent, const char *name, struct place place,
		     struct section **out)
{
	struct section *s = known_section(t, parent, name);
	int err;

	if (s) {
		*out = s;
		return 0;
	}
	err = count_node(t);
	if (err < 0)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s || !(s->name = strdup(name))) {
		free(s);
		return -ENOMEM;
	}
	s->file = place.file;
	s->line = place.line;
	s->parent = parent;
	s->depth = parent->depth + 1;
	if (parent->last)
		parent->last->next = s;
	else
		parent->sections = s;
	parent->last = s;
	table_add(&t->sections, &s->by_name, section_key(parent, name));
	*out = s;
	return 0;
}

static struct setting *new_setting(struct section *section, const char *key)
{
	struct setting *k = calloc(1, sizeof(*k)), **end = &section->settings;

	if (!k || !(k->key = strdup(key))) {
		free(k);
		return NULL;
	}
	k->section = section;
	while (*end)
		end = &(*end)->next;
	*end = k;
	return k;
}

int tree_set(struct settings *t, struct section *section, const char *key, const char *value, struct place place)
{
	struct setting *k = lookup_setting(section, key);
	char *copy = value ? strdup(value) : NULL;
	int err = 0;

	if (value && !copy)
		return -ENOMEM;
	if (!k) {
		err = count_node(t);
		k = err ? NULL : new_setting(section, key);
	}
	if (!k) {
		if (copy)
			explicit_bzero(copy, strlen(copy));
		free(copy);
		return err ? err : -ENOMEM;
	}
	if (k->value)
		explicit_bzero(k->value, strlen(k->value));
	free(k->value);
	k->value = copy;
	k->file = place.file;
	k->line = place.line;
	return 0;
}

int tree_add_reference(struct section *section, const char *name, struct section *target, struct place place)
{
	struct reference *r = calloc(1, sizeof(*r)), **end = &section->references;

	if (!r || (name && !(r->name = strdup(name)))) {
		free(r);
		return -ENOMEM;
	}
	r->target = target;
	r->place = place;
	while (*end)
		end = &(*end)->next;
	*end = r;
	return 0;
}

int tree_add_file(struct settings *t, const char *path, const char **name)
{
	struct file_name *f;

	if (t->file_count >= SETTINGS_FILES_MAX)
		return -E2BIG;
	f = malloc(sizeof(*f) + strlen(path) + 1);
	if (!f)
		return -ENOMEM;
	strcpy(f->path, path);
	f->next = t->files;
	t->files = f;
	t->file_count++;
	*name = f->path;
	return 0;
}
