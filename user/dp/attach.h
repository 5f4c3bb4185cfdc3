/* SPDX-License-Identifier: Apache-2.0 */
/* Programs on interfaces: XDP by links that are pinned, TC by filters of ours. Both outlive this process. */
#ifndef XSWAN_DP_ATTACH_H
#define XSWAN_DP_ATTACH_H

#include <stddef.h>

#include "../lib/gateway_conf.h"
#include "port.h"
#include "programs.h"

/*
 * Attaches the program of the port's role, or updates the one attached before; sets what the port says of it.
 * 0 or -errno with a sentence in why.
 */
int attach_port(struct programs *p, struct port *port, enum attach_mode attach, char *why, size_t why_size);

/* The same for a port whose back-end is vnet: TC programs, here and on its device. */
int attach_vnet(struct programs *p, struct port *port, char *why, size_t why_size);

/*
 * TC filters belong to nobody: whoever takes the clsact qdisc away lets plaintext out. Puts the port's back where they are
 * missing. 0: none was; 1: they are back; -errno with a sentence in why.
 */
int attach_again(struct programs *p, const struct port *port, char *why, size_t why_size);

/* Takes the programs off interfaces that the instance once had, except those in `keep`. */
void attach_prune(const char *instance, const struct port *keep, int keep_count);

/* Removes every attachment and every pin of the instance. 0 or -errno. */
int attach_remove_all(const char *instance);

#endif
