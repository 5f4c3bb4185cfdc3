/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `xswan capture --esp-keys`: the keys of the SAs whose packets are captured, for Wireshark to decrypt the ESP that somebody
 * else has captured outside. A file of Wireshark's table esp_sa, one line for each SA.
 */
#ifndef XSWAN_CLI_CAPTURE_KEYS_H
#define XSWAN_CLI_CAPTURE_KEYS_H

#include <stdint.h>
#include <stdio.h>

#include <xswan/maps.h>

#include "capture_source.h"

struct capture_keys {
	const char *path; /* NULL: not asked for, and all else means nothing */
	int file, fd[2]; /* the maps sa_in and sa_out */
	const struct xswan_sa *sas[2];
	uint32_t count[2];
	uint64_t *seen[2]; /* by slot: the uid of the last one that was looked at */
	uint32_t written, unknown; /* SAs; those whose algorithm Wireshark has no name for */
};

/* The file is made anew, for its owner alone. 0 or -errno. */
int capture_keys_open(struct capture_keys *k, const char *instance, const char *path);
void capture_keys_close(struct capture_keys *k);
/* Writes those of SAs that have come since the last time. 0 or -errno, with a sentence on err. */
int capture_keys_look(struct capture_keys *k, const struct capture_source *s, FILE *err);

#define CAPTURE_KEYS_LINE 512u
struct xswan_dp_key;
/* The line for one SA, to be wiped; 0: Wireshark has no name for its algorithm; else its length. */
int capture_keys_line(char out[static CAPTURE_KEYS_LINE], const struct xswan_sa *sa, const struct xswan_dp_key *key);

#endif
