/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a configuration brings: what is no file of a sane size is refused, at once and in words; what was read stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../user/ike/conf_files.h"
#include "files.h"

#define MOST 100

static struct conf_files *files;
static char why[512];

static int begin(void **state)
{
	files = conf_files_new();
	return files ? files_begin(state) : -1;
}

static int end(void **state)
{
	conf_files_free(files);
	return files_end(state);
}

static int read_kind(const char *name, enum conf_file_kind kind, struct span *content)
{
	const int err = conf_files_read(files, files_in(name), kind, MOST, content, why, sizeof(why));

	files_relative(why);
	return err;
}

static void refused(const char *name, int err, const char *words)
{
	struct span content;

	assert_int_equal(read_kind(name, CONF_FILE_PUBLIC, &content), err);
	assert_string_equal(why, words);
}

static void is(const char *name, const char *text)
{
	struct span content;

	assert_int_equal(read_kind(name, CONF_FILE_KEY, &content), 0);
	assert_int_equal(content.len, strlen(text));
	assert_memory_equal(content.data, text, content.len);
}

static void put_socket(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s", files_in(name)) < sizeof(at.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

/* A FIFO is not waited for: alarm(2) ends a test that does. */
static void no_files(void **state)
{
	char large[MOST + 2];

	memset(large, 'x', sizeof(large));
	large[MOST + 1] = '\0';
	alarm(10);
	refused("gone", -ENOENT, "No such file or directory");
	files_mkdir("directory");
	refused("directory", -EINVAL, "a directory, not a file");
	assert_int_equal(mkfifo(files_in("fifo"), 0600), 0);
	refused("fifo", -EINVAL, "a FIFO, not a file");
	put_socket("socket");
	refused("socket", -ENXIO, "not a file");
	assert_int_equal(symlink("/dev/zero", files_in("device")), 0);
	refused("device", -EINVAL, "a device, not a file");
	assert_int_equal(symlink("gone", files_in("link")), 0);
	refused("link", -ENOENT, "a link to something that is not there");
	files_put("empty", "");
	refused("empty", -EINVAL, "empty");
	files_put("large", large);
	refused("large", -EFBIG, "101 bytes: larger than 100");
	large[MOST] = '\0';
	files_put("large", large);
	is("large", large);
	alarm(0);
}

static void modes(void **state)
{
	struct span content;

	files_put("secret", "geheim");
	for (int mode = 0600; mode < 0610; mode++) {
		assert_int_equal(chmod(files_in("secret"), (mode_t)mode), 0);
		if (mode & 06) {
			assert_int_equal(read_kind("secret", CONF_FILE_SECRET, &content), -EPERM);
			assert_non_null(strstr(why, ": this is open to everybody on the machine: chmod o= secret"));
		} else {
			assert_int_equal(read_kind("secret", CONF_FILE_SECRET, &content), 0);
			conf_files_forget(files, files_in("secret"), CONF_FILE_SECRET);
		}
	}
	is("secret", "geheim"); /* a key may lie in a directory that is closed */
	assert_int_equal(read_kind("secret", CONF_FILE_SECRET, &content), -EPERM); /* and does not stand in for a secret */
}

static void as_it_was(void **state)
{
	struct span content;

	files_put("file", "one");
	is("file", "one");
	files_put("file", "another");
	is("file", "one");
	files_delete("file");
	is("file", "one");
	assert_true(conf_files_find(files, files_in("file"), CONF_FILE_KEY, &content));
	conf_files_forget(files, files_in("file"), CONF_FILE_PUBLIC);
	is("file", "one"); /* another kind is another copy */
	conf_files_forget(files, files_in("file"), CONF_FILE_KEY);
	assert_false(conf_files_find(files, files_in("file"), CONF_FILE_KEY, &content));
	refused("file", -ENOENT, "No such file or directory"); /* and that is not kept */
	files_put("file", "a third");
	is("file", "a third");
}

static void directories(void **state)
{
	const char *const *names;

	assert_int_equal(conf_files_list(files, files_in("none"), &names, why, sizeof(why)), 0);
	assert_null(names[0]);
	files_mkdir("dir");
	files_put("dir/b", "");
	files_put("dir/a", "");
	files_put("dir/.hidden", "");
	assert_int_equal(conf_files_list(files, files_in("dir"), &names, why, sizeof(why)), 0);
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	assert_null(names[2]);
	files_delete("dir/a");
	assert_int_equal(conf_files_list(files, files_in("dir"), &names, why, sizeof(why)), 0);
	assert_string_equal(names[0], "a");
	assert_int_equal(conf_files_list(files, files_in("dir/b"), &names, why, sizeof(why)), -ENOTDIR);
	assert_string_equal(why, "Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_files, begin, end),
		cmocka_unit_test_setup_teardown(modes, begin, end),
		cmocka_unit_test_setup_teardown(as_it_was, begin, end),
		cmocka_unit_test_setup_teardown(directories, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
