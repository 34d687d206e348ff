/*
 * What crosses between Rust and C where bindgen cannot see: inline functions, macros, variadic
 * calls. One thin function each; nothing here decides anything.
 */
#ifndef IPSMGW_SHIM_H
#define IPSMGW_SHIM_H

#include "core/cfg/cfg_struct.h"
#include "core/counters.h"
#include "core/dprint.h"
#include "core/locking.h"
#include "core/parser/msg_parser.h"
#include "core/rpc.h"
#include "core/socket_info.h"
#include "core/str.h"
#include "core/tcp_info.h"
#include "modules/sl/sl.h"
#include "modules/tm/tm_load.h"
#include "modules/uac/api.h"
#include "modules/usrloc/usrloc.h"

/* log (core/dprint.h) */
int ipsmgw_c_is_logged(int level);
void ipsmgw_c_log(int level, const str *text);

/* asked for each line of this process; it is written as it is when the answer is not 0 */
typedef int (*ipsmgw_log_guard_f)(const ksr_logdata_t *of, const char *format);
void ipsmgw_c_guard_log(ipsmgw_log_guard_f is_whole);
void ipsmgw_c_print_log(const ksr_logdata_t *of, const str *text);

/* memory (core/mem): zeroed, NULL when none is left */
void *ipsmgw_c_shm_alloc(size_t size);
void ipsmgw_c_shm_free(void *memory);
unsigned long ipsmgw_c_shm_available(void);
void *ipsmgw_c_pkg_alloc(size_t size);
void ipsmgw_c_pkg_free(void *memory);

/* locks (core/locking.h) */
void ipsmgw_c_lock_init(gen_lock_t *lock);
void ipsmgw_c_lock_get(gen_lock_t *lock);
void ipsmgw_c_lock_release(gen_lock_t *lock);

/* other modules: 0 when bound */
int ipsmgw_c_bind_tm(struct tm_binds *api);
/* a timer of tm's, in ticks; negative where there is none of that name (core/cfg) */
int ipsmgw_c_tm_ticks(str *name);
void ipsmgw_c_set_final_timeout(struct cell *t, unsigned int milliseconds);
int ipsmgw_c_bind_sl(sl_api_t *api);
int ipsmgw_c_bind_uac(uac_api_t *api);
/* 1 where it is not loaded, -1 where it is loaded behind us */
int ipsmgw_c_bind_usrloc(usrloc_api_t *api);
int ipsmgw_c_bind_database(const char *module, db_func_t *api);

/* messages and routes */
int ipsmgw_c_parse_headers(struct sip_msg *msg);
char *ipsmgw_c_body(struct sip_msg *msg);
void ipsmgw_c_ip(const union sockaddr_union *of, struct ip_addr *ip);
unsigned short ipsmgw_c_port(const union sockaddr_union *of);
int ipsmgw_c_route_type(void);
void ipsmgw_c_set_route_type(int type);
/* of a connection that this process reads; -1: there is none */
int ipsmgw_c_connection_fd(int id);

/* TCP connections that others have opened, WebSocket and TLS among them (core/tcp_conn.h) */
typedef struct ipsmgw_connection
{
	int id;
	int is_new; /* nothing was read yet, or its TLS is not set up */
	struct ip_addr source;
	int unread;				 /* octets of a message that is not complete */
	unsigned char head[256]; /* the first of them */
} ipsmgw_connection_t;
/* how many were copied: at most `room` */
int ipsmgw_c_connections(ipsmgw_connection_t *into, int room);
int ipsmgw_c_connection_count(void);
/* 0 when the process that has it was told */
int ipsmgw_c_close_connection(int id);

/* a process of Kamailio's by its number, from 0 on; 0: none is at this place; -1: no such place (core/pt.h) */
int ipsmgw_c_process_id(int number);

/* a socket that Kamailio listens on, and the names for it in the configuration;
 * a name that is longer is left out (core/socket_info.h) */
typedef struct ipsmgw_socket
{
	struct ip_addr address;
	unsigned short port;
	unsigned short advertised_port; /* 0: none is set */
	char advertised[256];
	char global[256]; /* of all sockets */
	char global_port[8];
} ipsmgw_socket_t;
/* one of this transport by its number, from 0 on; 0: there is none of that number */
int ipsmgw_c_socket(int protocol, int number, ipsmgw_socket_t *into);

/* sends on this connection or not at all: below 0 */
int ipsmgw_c_send_on_connection(int id, const str *octets);
/* sends to this address, over a new connection if there is none: below 0 when it cannot */
int ipsmgw_c_send_to(
		int is_secure, const str *host, unsigned short port, const str *octets);
/* 1 when there is a connection of this number */
int ipsmgw_c_has_connection(int id);
/* 1 when there is a connection to this address */
int ipsmgw_c_is_connected(int is_secure, const str *host, unsigned short port);
/* the first socket for TCP; NULL: there is none */
struct socket_info *ipsmgw_c_tcp_socket(void);

/* configuration that changes while Kamailio runs (core/cfg/cfg_struct.h) */
void ipsmgw_c_cfg_update(void);

/* counters (core/counters.h) */
void ipsmgw_c_count(counter_handle_t counter);

/* RPC (core/rpc.h): its functions are variadic */
int ipsmgw_c_rpc_scan(rpc_t *rpc, void *ctx, str *word);
void ipsmgw_c_rpc_fault(rpc_t *rpc, void *ctx, int code, const char *text);
void *ipsmgw_c_rpc_struct(rpc_t *rpc, void *ctx);
void *ipsmgw_c_rpc_nested(rpc_t *rpc, void *parent, const char *name);
int ipsmgw_c_rpc_int(rpc_t *rpc, void *into, const char *name, int value);
int ipsmgw_c_rpc_str(rpc_t *rpc, void *into, const char *name, str *value);

#endif
