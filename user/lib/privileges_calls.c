/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of a daemon that reads files, serves sockets, has threads, and does nothing else. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <seccomp.h>

#include "privileges.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CALL(name) SCMP_SYS(name)

static const int served[] = {
	/* files and descriptors */
	CALL(access), CALL(close), CALL(close_range), CALL(dup), CALL(dup2), CALL(dup3), CALL(faccessat), CALL(faccessat2),
	CALL(fcntl), CALL(flock), CALL(fstat), CALL(fstatfs), CALL(fsync), CALL(ftruncate), CALL(getcwd), CALL(getdents64),
	CALL(lseek), CALL(lstat), CALL(newfstatat), CALL(open), CALL(openat), CALL(pipe), CALL(pipe2), CALL(pread64),
	CALL(pwrite64), CALL(read), CALL(readlink), CALL(readlinkat), CALL(readv), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(stat), CALL(statfs), CALL(statx), CALL(umask), CALL(unlink), CALL(unlinkat), CALL(write),
	CALL(writev),
	/* waiting */
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(epoll_wait), CALL(eventfd2),
	CALL(poll), CALL(ppoll), CALL(pselect6), CALL(select), CALL(timerfd_create), CALL(timerfd_gettime),
	CALL(timerfd_settime),
	/* sockets; socket() itself is below */
	CALL(accept), CALL(accept4), CALL(bind), CALL(connect), CALL(getpeername), CALL(getsockname), CALL(getsockopt),
	CALL(listen), CALL(recvfrom), CALL(recvmmsg), CALL(recvmsg), CALL(sendmmsg), CALL(sendmsg), CALL(sendto),
	CALL(setsockopt), CALL(shutdown), CALL(socketpair),
	/* memory */
	CALL(brk), CALL(madvise), CALL(membarrier), CALL(mlock), CALL(mlock2), CALL(mlockall), CALL(memfd_create), CALL(mmap), CALL(mprotect),
	CALL(mremap), CALL(munlock), CALL(munmap),
	/* threads, signals, and the end */
	CALL(exit), CALL(exit_group), CALL(futex), CALL(get_robust_list), CALL(getpid), CALL(getppid), CALL(gettid),
	CALL(restart_syscall), CALL(rseq), CALL(rt_sigaction), CALL(rt_sigpending), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(rt_sigtimedwait), CALL(sched_getaffinity), CALL(sched_yield), CALL(set_robust_list),
	CALL(sigaltstack), CALL(tgkill),
	/* clocks, chance, and who and where we are */
	CALL(clock_getres), CALL(clock_gettime), CALL(clock_nanosleep), CALL(getegid), CALL(geteuid), CALL(getgid),
	CALL(getgroups), CALL(getrandom), CALL(getrusage), CALL(gettimeofday), CALL(getuid), CALL(nanosleep),
	CALL(sysinfo), CALL(time), CALL(times), CALL(uname),
};

/* Nobody makes these by mistake. */
static const int deadly[] = {
	CALL(add_key), CALL(capset), CALL(chroot), CALL(delete_module), CALL(execve), CALL(execveat), CALL(finit_module),
	CALL(fork), CALL(fsmount), CALL(fsopen), CALL(init_module), CALL(io_uring_setup), CALL(kexec_file_load),
	CALL(kexec_load), CALL(keyctl), CALL(mount), CALL(move_mount), CALL(open_by_handle_at), CALL(open_tree),
	CALL(perf_event_open), CALL(pivot_root), CALL(process_vm_readv), CALL(process_vm_writev), CALL(ptrace),
	CALL(reboot), CALL(request_key), CALL(setfsgid), CALL(setfsuid), CALL(setgid), CALL(setgroups), CALL(setns),
	CALL(setregid), CALL(setresgid), CALL(setresuid), CALL(setreuid), CALL(setuid), CALL(umount2), CALL(unshare),
	CALL(userfaultfd), CALL(vfork),
};

/* Those of which it depends on an argument. */
static const struct by_argument {
	uint32_t action;
	int call;
	struct scmp_arg_cmp cmp;
} by_argument[] = {
#define EQ(n, value) { n, SCMP_CMP_EQ, value, 0 }
	{ SCMP_ACT_ALLOW, CALL(socket), EQ(0, AF_UNIX) },
	{ SCMP_ACT_ALLOW, CALL(socket), EQ(0, AF_INET) },
	{ SCMP_ACT_ALLOW, CALL(socket), EQ(0, AF_INET6) },
	{ SCMP_ACT_ALLOW, CALL(socket), EQ(0, AF_NETLINK) },
	{ SCMP_ACT_KILL_PROCESS, CALL(socket), { 0, SCMP_CMP_GT, AF_NETLINK, 0 } }, /* packet, key, xdp, vsock … */
	/* a thread, and never a process; clone3 has its flags in memory, and glibc does without it */
	{ SCMP_ACT_ALLOW, CALL(clone), { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } },
	{ SCMP_ACT_KILL_PROCESS, CALL(clone), { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0 } },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_MAP_LOOKUP_ELEM) },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_MAP_UPDATE_ELEM) },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_MAP_DELETE_ELEM) },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_MAP_GET_NEXT_KEY) },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_OBJ_GET) },
	{ SCMP_ACT_ALLOW, CALL(bpf), EQ(0, BPF_OBJ_GET_INFO_BY_FD) },
	{ SCMP_ACT_KILL_PROCESS, CALL(bpf), EQ(0, BPF_PROG_LOAD) },
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, TCGETS) }, /* isatty() */
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, FIONREAD) },
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, FIONBIO) },
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, SIOCGIFFLAGS) }, /* which addresses are of use (user/ike/addresses.c) */
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, SIOCGIFMTU) }, /* what a route takes (user/ike/route_mtu.c) */
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, SIOCGIFNAME) }, /* if_indextoname() */
	{ SCMP_ACT_ALLOW, CALL(ioctl), EQ(1, SIOCGIFINDEX) }, /* if_nametoindex() */
	{ SCMP_ACT_ALLOW, CALL(prctl), EQ(0, PR_SET_NAME) },
	{ SCMP_ACT_ALLOW, CALL(prctl), EQ(0, PR_GET_DUMPABLE) },
	{ SCMP_ACT_ALLOW, CALL(prlimit64), EQ(2, 0) }, /* only asks */
};

static int add_rules(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; i < COUNT(served) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, served[i], 0);
	for (size_t i = 0; i < COUNT(deadly) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	for (size_t i = 0; i < COUNT(by_argument) && !err; i++)
		err = seccomp_rule_add_array(ctx, by_argument[i].action, by_argument[i].call, 1, &by_argument[i].cmp);
	return err;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

int privileges_confine(void)
{
	scmp_filter_ctx ctx = SANITIZED ? NULL : seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (SANITIZED)
		return 0;
	if (!ctx)
		return -ENOMEM;
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a search tree: what is served often comes no later */
	err = add_rules(ctx);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
