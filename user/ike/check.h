/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration, found without a daemon: `xswan-ike --check`, `xswan check`. Everything that a reload
 * would refuse is an error, and all of it is said, not the first alone; what would be taken and is likely not meant is a warning.
 */
#ifndef XSWAN_IKE_CHECK_H
#define XSWAN_IKE_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

struct config;

struct check {
	json_t *errors, *warnings; /* sentences */
	json_t *connections; /* what each is, and will show to its peers */
	int64_t now; /* seconds since 1970 */
};

enum check_form { CHECK_TEXT, CHECK_COLOUR, CHECK_JSON };

/* The exit status: 0, or 1 with errors. What was found goes to `out`, as text or as one object (xswan(8)). */
int check_run(const char *dir, enum check_form form, int64_t now, FILE *out);

/* Of its parts. */
void check_error(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_warn(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_certs(struct check *c, const struct config *cfg); /* dates, issuers, revocation lists */
void check_overlap(struct check *c, const struct config *cfg); /* selectors of children that want the same packets */
int check_days(int64_t now, int64_t until); /* whole days left; negative: it is over */

#endif
