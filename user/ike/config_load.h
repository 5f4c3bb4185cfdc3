/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swanctl.conf as strongSwan writes it. What is not supported is refused by file, line and
 * key; a key whose value says what is done anyway is accepted.
 */
#ifndef XSWAN_IKE_CONFIG_LOAD_H
#define XSWAN_IKE_CONFIG_LOAD_H

#include <stddef.h>

#include "config.h"
#include "loaded.h"

/*
 * Reads DIR/swanctl.conf and what it includes, and adds what clients have loaded (NULL: nothing). Returns 0 and a configuration with one
 * reference, or -errno with "file:line: what is wrong" in why, and nothing left behind.
 */
int config_load(struct config **cfg, const char *dir, const struct loaded *loaded, char *why, size_t why_size)
	__attribute__((warn_unused_result));

#endif
