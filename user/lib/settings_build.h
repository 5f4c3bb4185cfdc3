/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of settings that comes from no file: what reads it calls it by `origin`. */
#ifndef XSWAN_SETTINGS_BUILD_H
#define XSWAN_SETTINGS_BUILD_H

#include "settings.h"

struct settings *settings_new(const char *origin); /* NULL: out of memory */
/* 0, -ENOMEM, -E2BIG (too many), or -EINVAL: nested too deep, or not a value that a file could have. */
int settings_add_section(struct settings *t, struct section *parent, const char *name, struct section **out)
	__attribute__((warn_unused_result));
int settings_add(struct settings *t, struct section *section, const char *key, const char *value)
	__attribute__((warn_unused_result));

#endif
