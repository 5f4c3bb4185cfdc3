/* SPDX-License-Identifier: Apache-2.0 */
#include "pinned.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "instance.h"

static int map_info(int fd, struct bpf_map_info *info)
{
	uint32_t len = sizeof(*info);

	*info = (struct bpf_map_info){ 0 };
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

int pinned_check(int fd, uint32_t key_size, uint32_t value_size, uint32_t *id)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	if (!err && (info.key_size != key_size || info.value_size != value_size))
		err = -EPROTO;
	if (!err && id)
		*id = info.id;
	return err;
}

int pinned_open(const char *instance, const char *map, uint32_t key_size, uint32_t value_size, uint32_t *id)
{
	char path[INSTANCE_PATH];
	int fd = bpf_obj_get(instance_pin_path(instance, map, path)), err;

	if (fd < 0)
		return -errno;
	err = pinned_check(fd, key_size, value_size, id);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static size_t mmap_size(const struct bpf_map_info *info)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t size = (size_t)((info->value_size + 7) & ~7u) * info->max_entries;

	return (size + page - 1) & ~(page - 1);
}

void *pinned_mmap(int fd, bool writable, uint32_t *max_entries)
{
	struct bpf_map_info info;
	void *values;

	errno = -map_info(fd, &info);
	if (errno)
		return NULL;
	values = mmap(NULL, mmap_size(&info), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (values == MAP_FAILED)
		return NULL;
	if (max_entries)
		*max_entries = info.max_entries;
	return values;
}

void pinned_munmap(void *values, int fd)
{
	struct bpf_map_info info;

	if (values && !map_info(fd, &info))
		munmap(values, mmap_size(&info));
}

int pinned_percpu_sum(int fd, uint64_t *out, uint32_t count)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && !err; i++) {
		out[i] = 0;
		if (bpf_map_lookup_elem(fd, &i, values))
			err = -errno;
		for (int cpu = 0; cpu < cpus && !err; cpu++)
			out[i] += values[cpu];
	}
	free(values);
	return err;
}
