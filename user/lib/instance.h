/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance is one gateway: its name decides where its maps are pinned and where its
 * sockets are, so that several can run on one machine.
 */
#ifndef XSWAN_INSTANCE_H
#define XSWAN_INSTANCE_H

#include <stddef.h>

#define INSTANCE_DEFAULT "default"
#define INSTANCE_PATH 108 /* fits sun_path */
#define CONFIG_DIR_DEFAULT "/etc/xswan"

/* 1-32 characters of [A-Za-z0-9_-] (the bpf file system refuses dots); 0 or -EINVAL. */
int instance_check(const char *name);

/* /run/xswan/<name>/<file>; file: "dp", "vici", "xswan-dp.pid" … "" gives the directory */
const char *instance_run_path(const char *name, const char *file, char out[static INSTANCE_PATH]);
/* /sys/fs/bpf/xswan/<name>/<file> */
const char *instance_pin_path(const char *name, const char *file, char out[static INSTANCE_PATH]);

int instance_make_run_dir(const char *name); /* mode 0755; 0 or -errno */
/*
 * Takes the lock on /run/xswan/<name>/<program>.pid and writes our pid there. The lock ends
 * with the process. 0, -EBUSY when another holds it (its pid in *other), or -errno.
 */
int instance_lock(const char *name, const char *program, int *other);

#endif
