/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that strangers talk to gives up, in this order, and what keeps its secrets its own. 0 or -errno. */
#ifndef XSWAN_PRIVILEGES_H
#define XSWAN_PRIVILEGES_H

#include <stdbool.h>

#include "account.h"

/* No core dumps, no ptrace by others, memory locked where the limits allow. Before any key is read. */
int privileges_protect_memory(void);

/*
 * Gives up every capability for good, and becomes that user; NULL: stays the one it is. What is open stays open; files are
 * opened as that user from now on. Before there are threads.
 */
int privileges_drop(const struct account *a);

/*
 * From now on the kernel serves the system calls that such a daemon needs, and answers ENOSYS to all others. Those that
 * only somebody makes who has taken the process over (execve, fork, ptrace, setuid, mount, a packet socket, loading a BPF
 * program …) end it, and the kernel's audit log says so. Compiled out in builds with sanitizers, which need more.
 */
int privileges_confine(void);

#endif
