/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that show what happens until somebody ends them. */
#ifndef XSWAN_CLI_INTERRUPT_H
#define XSWAN_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

void interrupt_begin(void); /* from now on the first SIGINT and SIGTERM end nothing, nor a write, but are remembered */
bool interrupted(void);

uint64_t clock_nanoseconds(clockid_t clock);

#endif
