/* SPDX-License-Identifier: Apache-2.0 */
#include "log_target.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket" /* sd_journal_send(3) */
#endif

/* syslog(3) priorities, which journald also reads from a "<N>" prefix */
static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
static const char *const word[] = { "error: ", "warning: ", "", "debug: " };

/* Is stderr what systemd has connected to the journal? JOURNAL_STREAM is device:inode of it (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

/* One write for a line, so that threads and processes do not mix theirs. Text not for a terminal has a priority. */
static void write_stderr(enum log_level level, const char *program, const char *line, bool text)
{
	const bool marked = text ? !isatty(STDERR_FILENO) : stderr_is_journal();
	char mark[8] = "";

	if (marked)
		snprintf(mark, sizeof(mark), "<%d>", priority[level]);
	if (text)
		dprintf(STDERR_FILENO, "%s%s: %s%s\n", mark, program, word[level], line);
	else
		dprintf(STDERR_FILENO, "%s%s\n", mark, line);
}

int log_target_open(enum log_target target, const char *program)
{
	if (target == LOG_TARGET_SYSLOG)
		openlog(program, LOG_NDELAY | LOG_PID, LOG_DAEMON);
	if (target != LOG_TARGET_JOURNAL)
		return 0;
#ifdef HAVE_SYSTEMD
	return access(JOURNAL_SOCKET, W_OK) ? -errno : 0; /* without it sd_journal_sendv does nothing, and says nothing */
#else
	return -EOPNOTSUPP;
#endif
}

void log_target_write(enum log_target target, enum log_level level, const char *program, const char *line, bool text)
{
	if (target == LOG_TARGET_SYSLOG)
		syslog(LOG_DAEMON | priority[level], "%s%s", text ? word[level] : "", line);
	else
		write_stderr(level, program, line, text);
}

#ifdef HAVE_SYSTEMD

#define JOURNAL_FIELDS 32
#define JOURNAL_TEXT 4096

struct journal {
	struct iovec field[JOURNAL_FIELDS];
	int count;
	char text[JOURNAL_TEXT], *at;
};

static void add(struct journal *j, const char *prefix, const char *name, const char *value)
{
	const size_t room = (size_t)(j->text + sizeof(j->text) - j->at);
	const size_t len = strlen(prefix) + strlen(name) + 1 + strlen(value);
	char *start = j->at;

	if (j->count == JOURNAL_FIELDS || len >= room)
		return;
	snprintf(start, room, "%s%s=%s", prefix, name, value);
	for (char *c = start + strlen(prefix); *c != '='; c++)
		*c = (char)toupper((unsigned char)*c);
	j->field[j->count++] = (struct iovec){ start, len };
	j->at += len + 1;
}

void log_target_journal(enum log_level level, const char *program, const struct log_field *fields, size_t count,
			const char *message)
{
	struct journal j = { .at = j.text };
	char number[4];
	int err;

	snprintf(number, sizeof(number), "%d", priority[level]);
	add(&j, "", "message", message);
	add(&j, "", "priority", number);
	add(&j, "", "syslog_identifier", program);
	for (size_t i = 0; i < count; i++)
		if (fields[i].value && *fields[i].value)
			add(&j, "XSWAN_", fields[i].name, fields[i].value);
	err = sd_journal_sendv(j.field, j.count);
	if (err) /* no journald, or no room: better said elsewhere than not at all */
		write_stderr(level, program, message, true);
}

#else

void log_target_journal(enum log_level level, const char *program, const struct log_field *fields, size_t count,
			const char *message)
{
	write_stderr(level, program, message, true);
}

#endif
