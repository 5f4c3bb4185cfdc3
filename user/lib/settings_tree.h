/* SPDX-License-Identifier: Apache-2.0 */
/* Building the tree behind settings.h: for its parser alone. */
#ifndef XSWAN_SETTINGS_TREE_H
#define XSWAN_SETTINGS_TREE_H

#include "settings.h"

struct place {
	const char *file;
	unsigned int line;
};

struct settings {
	struct section root;
	struct file_name *files; /* names live as long as the tree */
	unsigned int file_count, node_count;
	struct table sections; /* by parent and name */
};

/* A section that lends its keys: by name as written, or, for what is below such a section, itself. */
struct reference {
	struct reference *next;
	char *name;
	struct section *target; /* NULL until the name is looked up */
	struct place place;
};

/* All: 0, -ENOMEM, or -E2BIG when there are more than SETTINGS_NODES_MAX. */
int tree_add_section(struct settings *t, struct section *parent, const char *name, struct place place,
		     struct section **out); /* the one of that name when there is one */
int tree_set(struct settings *t, struct section *section, const char *key, const char *value, struct place place);
int tree_add_reference(struct section *section, const char *name, struct section *target, struct place place);
int tree_add_file(struct settings *t, const char *path, const char **name);

/* Gives every section what it inherits. 0 or -errno with the reason in why. */
int tree_resolve(struct settings *t, char *why, size_t why_size);

/* Parses a file into t->root. */
int settings_parse(struct settings *t, const char *path, char *why, size_t why_size);

#endif
