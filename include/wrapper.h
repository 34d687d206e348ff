/* What the module needs of Kamailio's headers, for bindgen and for the shim. */
#ifndef IPSMGW_WRAPPER_H
#define IPSMGW_WRAPPER_H

#include "core/ver_defs.h"
#include "core/sr_module.h"
#include "core/dprint.h"
#include "core/mem/mem.h"
#include "core/mem/shm_mem.h"
#include "core/locking.h"
#include "core/mod_fix.h"
#include "core/data_lump.h"
#include "core/data_lump_rpl.h"
#include "core/dset.h"
#include "core/fmsg.h"
#include "core/kemi.h"
#include "core/pvapi.h"
#include "core/pass_fd.h"
#include "core/pt.h"
#include "core/pvar.h"
#include "core/route.h"
#include "core/rpc.h"
#include "core/cfg/cfg_struct.h"
#include "core/counters.h"
#include "core/script_cb.h"
#include "core/timer_proc.h"
#include "core/parser/parse_content.h"
#include "core/parser/parse_expires.h"
#include "core/parser/parse_from.h"
#include "core/parser/parse_to.h"
#include "core/parser/parse_uri.h"
#include "core/parser/contact/parse_contact.h"
#include "lib/srdb1/db.h"
#include "modules/sl/sl.h"
#include "modules/tm/tm_load.h"
#include "modules/uac/api.h"
#include "modules/usrloc/usrloc.h"
#include "shim.h"

/* The two strings that the loader compares, as constants that bindgen can evaluate. */
static const char *const IPSMGW_MODULE_VERSION = SER_FULL_VERSION;
static const char *const IPSMGW_MODULE_FLAGS = SER_COMPILE_FLAGS;

/* A parameter that the parser hands to a function: sizeof is beyond bindgen's macros, too. */
static const unsigned int IPSMGW_PARAM_USE_FUNC = PARAM_USE_FUNC;

#endif
