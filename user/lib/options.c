/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int set_number(const struct option_def *def, const char *arg, char *why, size_t why_size)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(arg, &end, 10);
	if (errno || *end || arg[0] < '0' || arg[0] > '9' || value > def->max) {
		snprintf(why, why_size, "--%s takes a number up to %u, not '%s'", def->name, def->max, arg);
		return -EINVAL;
	}
	*(unsigned int *)def->value = value;
	return 0;
}

static int set_value(const struct option_def *def, const char *arg, char *why, size_t why_size)
{
	switch (def->kind) {
	case OPTION_FLAG:
		*(bool *)def->value = true;
		return 0;
	case OPTION_TEXT:
		if (!arg[0]) {
			snprintf(why, why_size, "--%s takes %s, not nothing", def->name, def->arg);
			return -EINVAL;
		}
		*(const char **)def->value = arg;
		return 0;
	default:
		return set_number(def, arg, why, why_size);
	}
}

/* "--name", "--name=value" or one letter; *value is what stands in the same word, or NULL. */
static const struct option_def *find(const struct option_def *defs, const char *word, const char **value)
{
	size_t len;

	*value = NULL;
	if (word[1] != '-') {
		while (defs->name && defs->letter != word[1])
			defs++;
		if (word[2])
			*value = word + 2;
		return defs->name ? defs : NULL;
	}
	word += 2;
	len = strcspn(word, "=");
	if (word[len])
		*value = word + len + 1;
	while (defs->name && (strlen(defs->name) != len || strncmp(defs->name, word, len)))
		defs++;
	return defs->name ? defs : NULL;
}

/* Parses argv[i]; returns how many words it took, 1 or 2. */
static int parse_one(const struct option_def *defs, int argc, char **argv, int i, char *why, size_t why_size)
{
	const struct option_def *def;
	const char *value;
	int used = 1;

	def = find(defs, argv[i], &value);
	if (!def) {
		snprintf(why, why_size, "unknown option %s", argv[i]);
		return -EINVAL;
	}
	if (def->kind == OPTION_FLAG && value) {
		snprintf(why, why_size, "--%s takes no value (%s)", def->name, argv[i]);
		return -EINVAL;
	}
	if (def->kind != OPTION_FLAG && !value) {
		if (i + 1 >= argc) {
			snprintf(why, why_size, "--%s needs %s after it", def->name, def->arg);
			return -EINVAL;
		}
		value = argv[i + 1];
		used = 2;
	}
	return set_value(def, value, why, why_size) ? -EINVAL : used;
}

int options_parse(const struct option_def *defs, int argc, char **argv, char *why, size_t why_size)
{
	int operands = 0, used;
	bool ended = false;

	for (int i = 1; i < argc; i += used) {
		used = 1;
		if (!ended && !strcmp(argv[i], "--")) {
			ended = true;
		} else if (!ended && argv[i][0] == '-' && argv[i][1]) {
			used = parse_one(defs, argc, argv, i, why, why_size);
			if (used < 0)
				return used;
		} else {
			argv[++operands] = argv[i];
		}
	}
	return operands;
}

void options_print(const struct option_def *defs, FILE *out)
{
	char left[64];

	for (; defs->name; defs++) {
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", defs->letter ? '-' : ' ',
			 defs->letter ? defs->letter : ' ', defs->letter ? ", " : "  ", defs->name,
			 defs->arg ? " " : "", defs->arg ? defs->arg : "");
		fprintf(out, "  %-24s %s\n", left, defs->help);
	}
}
