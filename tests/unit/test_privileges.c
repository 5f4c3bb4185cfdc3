/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined process may still do, and what ends it. Each question is one process's, for there is no way back. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/bpf.h>

#include "../../user/lib/privileges.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- system calls: 0 if it did what it should ---- */

static int reads_files(void)
{
	char byte;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, &byte, 1) != 1 || close(fd);
}

static int has_sockets(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0 ||
	       socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static void *thread(void *arg)
{
	*(int *)arg = 0;
	return NULL;
}

static int has_threads(void)
{
	int result = 1;
	pthread_t t;

	return pthread_create(&t, NULL, thread, &result) || pthread_join(t, NULL) || result;
}

static int resolves_names(void)
{
	struct addrinfo *found = NULL;
	int err = getaddrinfo("localhost", "500", NULL, &found);

	if (!err)
		freeaddrinfo(found);
	return err;
}

static int allocates(void)
{
	char *p = malloc(64 << 20);

	if (!p)
		return 1;
	memset(p, 1, 64 << 20);
	free(p);
	return isatty(STDERR_FILENO) < 0;
}

static int asks_for_limits(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit);
}

/* Unknown to the filter, as a newer C library's call would be: it finds another way. */
static int unknown_is_enosys(void)
{
	return acct("/tmp/none") != -1 || errno != ENOSYS;
}

static int no_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS;
}

static int executes(void)
{
	execl("/bin/true", "true", NULL);
	return 0;
}

static int forks(void)
{
	return fork() == 0;
}

static int runs_a_shell(void)
{
	return system("true");
}

static int traces(void)
{
	return ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int becomes_root(void)
{
	return setuid(0);
}

static int mounts(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int enters_a_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int listens_to_the_wire(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int loads_a_program(void)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int starts_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static const struct question {
	const char *what;
	int (*ask)(void);
	bool ends;
} questions[] = {
	{ "it reads files", reads_files, false },
	{ "it has the sockets it needs", has_sockets, false },
	{ "it has threads", has_threads, false },
	{ "it resolves names", resolves_names, false },
	{ "it has memory, and a terminal", allocates, false },
	{ "it asks for limits", asks_for_limits, false },
	{ "a call of another kind is not there", unknown_is_enosys, false },
	{ "nor is one whose flags cannot be seen", no_clone3, false },
	{ "execve ends it", executes, true },
	{ "fork ends it", forks, true },
	{ "system() ends it", runs_a_shell, true },
	{ "ptrace ends it", traces, true },
	{ "setuid ends it", becomes_root, true },
	{ "mount ends it", mounts, true },
	{ "unshare ends it", enters_a_namespace, true },
	{ "a packet socket ends it", listens_to_the_wire, true },
	{ "loading a BPF program ends it", loads_a_program, true },
	{ "io_uring ends it", starts_io_uring, true },
};

static void test_call(void **state)
{
	const struct question *q = *state;
	int status, answer;
	pid_t pid;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		answer = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || privileges_confine() ? 99 : q->ask();
		_exit(answer);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (q->ends) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	} else {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* ---- the user ---- */

static int lives_as(const struct account *a)
{
	uid_t real, effective, saved;

	if (privileges_protect_memory() || privileges_drop(a) || getresuid(&real, &effective, &saved))
		return 1;
	if (real != a->uid || effective != a->uid || saved != a->uid || getgid() != a->gid || getgroups(0, NULL) > 1)
		return 2;
	if (prctl(PR_GET_DUMPABLE) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	if (!setuid(0) || !seteuid(0) || !setgid(0))
		return 4;
	if (open("/etc/shadow", O_RDONLY) >= 0 || errno != EACCES)
		return 5;
	return 0;
}

static void test_user(void **state)
{
	const struct gateway_conf conf = { .user = "nobody", .user_named = true };
	struct account a;
	char why[128];
	int status;
	pid_t pid;

	if (geteuid()) {
		print_message("needs root, to become somebody else\n");
		skip();
	}
	assert_int_equal(account_find(&a, &conf, why, sizeof(why)), 0);
	assert_int_equal(a.uid, getpwnam("nobody")->pw_uid);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(lives_as(&a));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_account(void **state)
{
	struct gateway_conf conf = { .user = "root", .user_named = true };
	struct account a;
	char why[128];

	assert_int_equal(account_find(&a, &conf, why, sizeof(why)), -ENOENT);
	strcpy(conf.user, "no-such-user");
	assert_int_equal(account_find(&a, &conf, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "ike.user: no-such-user: there is no such user");
	conf.user_named = false;
	assert_int_equal(account_find(&a, &conf, why, sizeof(why)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest others[] = { cmocka_unit_test(test_user), cmocka_unit_test(test_account) };
	struct CMUnitTest tests[COUNT(questions) + COUNT(others)];

	memset(tests, 0, sizeof(tests));
	for (size_t i = 0; i < COUNT(questions); i++)
		tests[i] = (struct CMUnitTest){ .name = questions[i].what, .test_func = test_call,
						.initial_state = (void *)&questions[i] };
	memcpy(tests + COUNT(questions), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
