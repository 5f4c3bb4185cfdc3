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

int privileges_protect_memory(void)
{
	const struct rlimit none = { 0, 0 }, unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	/* locked memory is needed after the capability that would waive the limit is gone */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		log_debug("the limit on locked memory stays as it is: %s", strerror(errno));
	else if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
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
