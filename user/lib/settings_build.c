/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings_tree.h"

struct settings *settings_new(const char *origin)
{
	struct settings *t = calloc(1, sizeof(*t));

	if (!t || table_init(&t->sections)) {
		free(t);
		return NULL;
	}
	if (!tree_add_file(t, origin, &t->root.file))
		return t;
	settings_free(t);
	return NULL;
}

int settings_add_section(struct settings *t, struct section *parent, const char *name, struct section **out)
{
	const struct place place = { .file = t->root.file };

	if (parent->depth + 1 >= SETTINGS_DEPTH)
		return -EINVAL;
	return tree_add_section(t, parent, name, place, out);
}

int settings_add(struct settings *t, struct section *section, const char *key, const char *value)
{
	const struct place place = { .file = t->root.file };

	if (strlen(value) > SETTINGS_VALUE_MAX)
		return -EINVAL;
	return tree_set(t, section, key, value, place);
}
