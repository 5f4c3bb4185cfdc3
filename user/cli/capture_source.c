/* SPDX-License-Identifier: Apache-2.0 */
#include "capture_source.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xswan/dp_proto.h>

#define ANSWER_SECONDS 5

static int connect_to(struct capture_source *s, const char *path, char *why, size_t why_size)
{
	const struct timeval limit = { ANSWER_SECONDS, 0 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->fd >= 0 && !setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
	    !connect(s->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	err = -errno;
	snprintf(why, why_size, "%s: %s", path,
		 err == -ENOENT || err == -ECONNREFUSED ? "xswan-dp does not run" : strerror(-err));
	return err;
}

/* The descriptor that comes with the answer, or -errno. */
static int ask(const struct capture_source *s, uint32_t snaplen, bool keys, char *why, size_t why_size)
{
	const struct xswan_dp_capture request = { .h.op = XSWAN_DP_CAPTURE, .snaplen = snaplen, .keys = keys };
	struct xswan_dp_reply reply;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &reply, sizeof(reply) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int fd;

	if (send(s->fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC) != sizeof(reply)) {
		snprintf(why, why_size, "xswan-dp does not answer");
		return -ETIMEDOUT;
	}
	reply.text[sizeof(reply.text) - 1] = '\0';
	if (reply.error) {
		snprintf(why, why_size, "xswan-dp: %s", reply.text);
		return reply.error < 0 ? reply.error : -EPROTO;
	}
	if (m.msg_controllen < CMSG_LEN(sizeof(fd)) || control.header.cmsg_type != SCM_RIGHTS) {
		snprintf(why, why_size, "xswan-dp has passed no memory");
		return -EPROTO;
	}
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static bool is_sound(struct capture_source *s)
{
	const struct xswan_capture *c = s->shared;

	if (s->size < sizeof(*c) || c->version != XSWAN_CAPTURE_VERSION)
		return false;
	s->rings = c->rings;
	s->ring_size = c->ring_size;
	return s->ring_size && !(s->ring_size & (s->ring_size - 1)) && s->rings && s->rings <= XSWAN_WORKERS &&
	       s->size == sizeof(*c) + s->rings * (sizeof(struct xswan_capture_ring) + (size_t)s->ring_size);
}

static int map(struct capture_source *s, int fd, char *why, size_t why_size)
{
	struct stat st;
	void *at = fstat(fd, &st) ? MAP_FAILED : mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		snprintf(why, why_size, "cannot map what xswan-dp has passed: %s", strerror(errno));
		return -errno;
	}
	s->shared = at;
	s->size = st.st_size;
	if (is_sound(s))
		return 0;
	snprintf(why, why_size, "xswan-dp is of another version");
	return -EPROTO;
}

int capture_source_open(struct capture_source *s, const char *path, uint32_t snaplen, bool keys, char *why,
			size_t why_size)
{
	int err, fd;

	*s = (struct capture_source){ .fd = -1 };
	err = connect_to(s, path, why, why_size);
	if (!err) {
		fd = ask(s, snaplen, keys, why, why_size);
		err = fd < 0 ? fd : map(s, fd, why, why_size);
		if (fd >= 0)
			close(fd);
	}
	if (err)
		capture_source_close(s);
	return err;
}

void capture_source_close(struct capture_source *s)
{
	if (s->shared)
		munmap(s->shared, s->size);
	if (s->fd >= 0)
		close(s->fd);
	s->shared = NULL;
	s->fd = -1;
}

static struct xswan_capture_ring *ring_of(const struct capture_source *s, uint32_t number)
{
	return (void *)((uint8_t *)(s->shared + 1) +
			number * (sizeof(struct xswan_capture_ring) + (size_t)s->ring_size));
}

static void advance(struct xswan_capture_ring *ring, const struct xswan_capture_record *record)
{
	__atomic_store_n(&ring->tail, ring->tail + record->size, __ATOMIC_RELEASE);
}

static const struct xswan_capture_record *first_of(const struct capture_source *s, struct xswan_capture_ring *ring)
{
	const uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	const struct xswan_capture_record *record;

	while (ring->tail != head) {
		record = (const void *)((const uint8_t *)(ring + 1) + (ring->tail & (s->ring_size - 1)));
		if (record->kind != XSWAN_CAPTURE_VOID)
			return record;
		advance(ring, record);
	}
	return NULL;
}

void capture_source_look(struct capture_source *s, bool all)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	s->bound = all ? UINT64_MAX : ts.tv_sec * 1000000000ull + ts.tv_nsec;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the clock before what workers say */
	for (uint32_t i = 0; i < s->rings && !all; i++) {
		const uint64_t since = __atomic_load_n(&ring_of(s, i)->since, __ATOMIC_ACQUIRE);

		if (since && since < s->bound)
			s->bound = since;
	}
}

const struct xswan_capture_record *capture_source_next(struct capture_source *s)
{
	const struct xswan_capture_record *oldest = NULL;

	for (uint32_t i = 0; i < s->rings; i++) {
		const struct xswan_capture_record *record = first_of(s, ring_of(s, i));

		if (!record || record->time > s->bound || (oldest && oldest->time <= record->time))
			continue;
		oldest = record;
		s->at = i;
	}
	return oldest;
}

void capture_source_drop(struct capture_source *s, const struct xswan_capture_record *record)
{
	advance(ring_of(s, s->at), record);
}

int capture_source_key(const struct capture_source *s, uint32_t dir, uint32_t slot, uint64_t uid, struct xswan_dp_key *key)
{
	const struct xswan_dp_get_key request = { .h.op = XSWAN_DP_GET_KEY, .dir = dir, .slot = slot, .uid = uid };
	ssize_t len;

	if (send(s->fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		return -errno;
	len = recv(s->fd, key, sizeof(*key), 0);
	if (len < 0)
		return -errno;
	if (len == sizeof(key->reply) && key->reply.error < 0)
		return key->reply.error;
	return len == sizeof(*key) && !key->reply.error && key->len <= sizeof(key->key) ? 0 : -EPROTO;
}

uint64_t capture_source_lost(const struct capture_source *s, uint32_t interface)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < s->rings; i++)
		lost += __atomic_load_n(&ring_of(s, i)->lost[interface], __ATOMIC_RELAXED);
	return lost;
}

bool capture_source_wait(const struct capture_source *s, int milliseconds)
{
	struct pollfd fd = { .fd = s->fd };

	return poll(&fd, 1, milliseconds) <= 0; /* no event is asked for: what comes is an end */
}
