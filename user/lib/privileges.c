/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>

#include "log.h"

#ifndef PR_SET_MDWE /* Linux 6.3 */
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/*
 * Locked memory is needed after the capability that would waive the limit is gone. Who may not lift the limit (that takes
 * CAP_SYS_RESOURCE) has at least all that it allows.
 */
static bool lock_without_limit(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit limit;

	if (!setrlimit(RLIMIT_MEMLOCK, &unlimited))
		return true;
	log_debug("no more locked memory than the limit allows: %s", strerror(errno));
	if (!getrlimit(RLIMIT_MEMLOCK, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	return false;
}

int privileges_protect_memory(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	if (lock_without_limit() && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_debug("memory is not locked as a whole: %s", strerror(errno));
	return 0;
}

static int become(const struct account *a)
{
	/* the bounding set cannot be changed without CAP_SETPCAP: then there is little to lose */
	if (!a)
		return capng_apply(CAPNG_SELECT_BOTH) && capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
	if (capng_change_id(a->uid, a->gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) &&
	    capng_change_id(a->uid, a->gid, CAPNG_DROP_SUPP_GRP))
		return -EPERM;
	return 0;
}

int privileges_drop(const struct account *a)
{
	int err;

	capng_clear(CAPNG_SELECT_ALL);
	err = become(a);
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0)) /* a change of the user had set it again */
		return -errno;
	prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); /* older kernels have no such promise */
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}
