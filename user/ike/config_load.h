/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swanctl.conf as strongSwan writes it. What is not supported is refused by file, line and
 * key; a key whose value says what is done anyway is accepted.
 */
#ifndef XSWAN_IKE_CONFIG_LOAD_H
#define XSWAN_IKE_CONFIG_LOAD_H

#include <stddef.h>

#include "conf_files.h"
#include "config.h"
#include "loaded.h"

/* What a directory says: swanctl.conf with what it includes, and the files that it and the directories beside it bring. */
struct config_source {
	char *dir;
	struct settings *settings;
	struct conf_files *files; /* as they were when a configuration was first made of it */
	bool told; /* what in it is of no use */
};

/* 0, or -errno with "file:line: what is wrong" in why. */
int config_read(struct config_source **source, const char *dir, char *why, size_t why_size)
	__attribute__((warn_unused_result));
void config_source_free(struct config_source *source);

/*
 * Makes a configuration of it, as often as it is wanted, and of what clients have loaded (NULL: nothing). Returns 0 and a
 * configuration with one reference, or -errno with "file:line: what is wrong" in why, and nothing left behind.
 */
int config_make(struct config **cfg, struct config_source *source, const struct loaded *loaded, char *why, size_t why_size)
	__attribute__((warn_unused_result));
/* The same of DIR and files alone, telling each problem and not the first alone. 0 or -errno. */
int config_load_reporting(struct config **cfg, const char *dir, void (*each)(void *ctx, const char *text), void *ctx)
	__attribute__((warn_unused_result));
/* Both. */
int config_load(struct config **cfg, const char *dir, const struct loaded *loaded, char *why, size_t why_size)
	__attribute__((warn_unused_result));

/* Each file in one of strongSwan's directories that have no use here, with the reason. */
void config_each_idle_file(struct conf_files *files, const char *dir,
			   void (*each)(void *ctx, const char *path, const char *why), void *ctx);

#endif
