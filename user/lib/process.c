/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PROC_PATH 64
/* Fields of /proc/PID/stat as proc(5) counts them. The second, in brackets, may have spaces and brackets itself. */
#define STAT_UTIME 14
#define STAT_STIME 15
#define STAT_START 22
#define STAT_RSS 24

/*
 * The daemon holds a lock on its pid file as long as it lives. The number in it is looked at
 * first, so that the lock is only tried, for an instant, when some process has that number.
 */
pid_t process_locked(const char *pid_path)
{
	char text[16] = "";
	pid_t pid = 0;
	int fd;

	fd = open(pid_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		pid = atoi(text);
	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH) || !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		pid = 0;
	close(fd);
	return pid;
}

static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* From the third field on; 0 where there is no such field. */
static uint64_t stat_field(const char *stat, int number)
{
	const char *at = strrchr(stat, ')');

	for (int field = 2; at && field < number; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static double cpu_seconds(const char *stat)
{
	return (double)(stat_field(stat, STAT_UTIME) + stat_field(stat, STAT_STIME)) / sysconf(_SC_CLK_TCK);
}

static double boot_time(void)
{
	char text[16384];
	const char *at;

	if (!read_file("/proc/stat", text, sizeof(text)))
		return 0;
	at = strstr(text, "\nbtime ");
	return at ? strtod(at + strlen("\nbtime "), NULL) : 0;
}

static int count_fds(pid_t pid)
{
	char path[PROC_PATH];
	int count = -2; /* "." and ".." */
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

bool process_load(struct process *p, pid_t pid)
{
	char path[PROC_PATH], stat[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_file(path, stat, sizeof(stat)))
		return false;
	p->cpu_seconds = cpu_seconds(stat);
	p->start_time = boot_time() + (double)stat_field(stat, STAT_START) / sysconf(_SC_CLK_TCK);
	p->resident_bytes = stat_field(stat, STAT_RSS) * sysconf(_SC_PAGESIZE);
	p->open_fds = count_fds(pid);
	return true;
}

static bool load_thread(struct process_thread *t, pid_t pid, const char *tid, const char *name)
{
	char path[PROC_PATH], stat[1024];
	const char *from, *to;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", (int)pid, tid);
	if (!read_file(path, stat, sizeof(stat)))
		return false;
	from = strchr(stat, '(');
	to = strrchr(stat, ')');
	if (!from || !to || strncmp(from + 1, name, strlen(name)))
		return false;
	snprintf(t->name, sizeof(t->name), "%.*s", (int)(to - from - 1), from + 1);
	t->cpu_seconds = cpu_seconds(stat);
	return true;
}

int process_load_threads(struct process_thread *threads, int max, pid_t pid, const char *name)
{
	char path[PROC_PATH];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (count < max && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && load_thread(&threads[count], pid, entry->d_name, name))
			count++;
	closedir(dir);
	return count;
}
