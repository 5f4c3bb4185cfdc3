/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities in the short form that people read. */
#ifndef XSWAN_CLI_FORMAT_H
#define XSWAN_CLI_FORMAT_H

#include <stdint.h>

#define DURATION_TEXT 24
#define BYTES_TEXT 24

const char *format_duration(uint64_t seconds, char out[static DURATION_TEXT]); /* "12s", "3m 20s", "5h 1m", "2d 4h" */
const char *format_bytes(uint64_t bytes, char out[static BYTES_TEXT]); /* "999 B", "1.5 kB", "20.0 GB" */

#endif
