/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for keys: locked (never swapped out), left out of core dumps, wiped when freed.
 *
 * Blocks are carved out of whole locked mappings, so that thousands of SAs cost neither
 * a page nor a kernel mapping each, and lie in huge pages. A mapping of which nothing is in use goes back to the
 * system. Allocation takes a mutex: it is for control paths.
 */
#ifndef XSWAN_SECMEM_H
#define XSWAN_SECMEM_H

#include <stddef.h>

#define SECMEM_ALIGN 64u
#define SECMEM_MAX 32768u

/* Zeroed and aligned to SECMEM_ALIGN. NULL: errno; mlock(2) refusing is EPERM, ENOMEM or EAGAIN. */
void *secmem_alloc(size_t size) __attribute__((warn_unused_result));
/* Why it refused with that errno and, where the process has a limit, which and where to raise it. */
void secmem_explain(int err, char *out, size_t size);
/* Wipes; `size` as it was allocated. NULL is allowed. */
void secmem_free(void *p, size_t size);
size_t secmem_total(void); /* bytes mapped */

#endif
