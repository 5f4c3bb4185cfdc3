/* SPDX-License-Identifier: Apache-2.0 */
/* The pinned maps of an instance, opened by name. Nothing here creates one: xswan-dp does. */
#ifndef XSWAN_PINNED_H
#define XSWAN_PINNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens /sys/fs/bpf/xswan/<instance>/<map> and checks key and value size against what this
 * program was built with. Returns a descriptor or -errno (-EPROTO: another version's map).
 */
int pinned_open(const char *instance, const char *map, uint32_t key_size, uint32_t value_size, uint32_t *id);

/* The same for a descriptor that came another way: 0 or -errno. */
int pinned_check(int fd, uint32_t key_size, uint32_t value_size, uint32_t *id);

/* The values of an mmapable array as plain memory; NULL: errno. Values are stride bytes apart: value size rounded up to 8. */
void *pinned_mmap(int fd, bool writable, uint32_t *max_entries);
void pinned_munmap(void *values, int fd);

/* Sum over CPUs of a per-CPU array of __u64 counters. 0 or -errno. */
int pinned_percpu_sum(int fd, uint64_t *out, uint32_t count);

#endif
