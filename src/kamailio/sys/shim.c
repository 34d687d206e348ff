/*
 * Inline functions, macros and variadic calls of Kamailio as plain functions for Rust.
 */
#include "wrapper.h"
#include <stdarg.h>

int ipsmgw_c_is_logged(int level)
{
	return is_printable(level);
}

void ipsmgw_c_log(int level, const str *text)
{
	LOG_FX(DEFAULT_FACILITY, level, NULL, "ipsmgw: ", NULL, "%.*s\n", text->len,
			text->s);
}

static ipsmgw_log_guard_f is_whole_line = NULL;

void ipsmgw_c_print_log(const ksr_logdata_t *of, const str *text)
{
	const char *suffix = of->v_func[0] ? _FUNC_SUFFIX_ : "";
	if(log_stderr)
		fprintf(stderr, "%2d(%d) %s: %.*s%s%s%s%.*s\n", process_no, my_pid(),
				of->v_lname, LOGV_PREFIX_LEN, LOGV_PREFIX_STR, of->v_locinfo,
				of->v_func, suffix, text->len, text->s);
	else
		_km_log_func(of->v_facility, "%s: %.*s%s%s%s%.*s\n", of->v_lname,
				LOGV_PREFIX_LEN, LOGV_PREFIX_STR, of->v_locinfo, of->v_func,
				suffix, text->len, text->s);
}

/* A line of the module that is written while Kamailio writes another one: LOG() writes nothing then. */
void ipsmgw_c_print_own_log(int level, const str *text)
{
	ksr_logdata_t own = {0};
	if(get_debug_level(LOG_MNAME, LOG_MNAME_LEN) < level)
		return;
	own.v_facility = LOG2SYSLOG_LEVEL(level)
					 | get_debug_facility(LOG_MNAME, LOG_MNAME_LEN);
	own.v_level = level;
	own.v_lname = LOG_LEVEL2NAME(level);
	own.v_func = "";
	own.v_locinfo = "ipsmgw: ";
	ipsmgw_c_print_log(&own, text);
}

static void guarded_log(ksr_logdata_t *of, const char *format, ...)
{
	char text[4096];
	str line = {text, 0};
	va_list arguments;
	if(!is_whole_line(of, format))
		return;
	va_start(arguments, format);
	line.len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if(line.len >= (int)sizeof(text))
		line.len = sizeof(text) - 1;
	while(line.len > 0 && text[line.len - 1] == '\n')
		line.len--;
	ipsmgw_c_print_log(of, &line);
}

void ipsmgw_c_guard_log(ipsmgw_log_guard_f is_whole)
{
	if(_ksr_slog_func != NULL)
		return;
	is_whole_line = is_whole;
	_ksr_slog_func = guarded_log;
}

void *ipsmgw_c_shm_alloc(size_t size)
{
	return shm_mallocxz(size);
}

void ipsmgw_c_shm_free(void *memory)
{
	shm_free(memory);
}

unsigned long ipsmgw_c_shm_available(void)
{
	return shm_available();
}

void *ipsmgw_c_pkg_alloc(size_t size)
{
	return pkg_mallocxz(size);
}

void ipsmgw_c_pkg_free(void *memory)
{
	pkg_free(memory);
}

void ipsmgw_c_lock_init(gen_lock_t *lock)
{
	(void)lock_init(lock);
}

void ipsmgw_c_lock_get(gen_lock_t *lock)
{
	lock_get(lock);
}

void ipsmgw_c_lock_release(gen_lock_t *lock)
{
	lock_release(lock);
}

int ipsmgw_c_bind_tm(struct tm_binds *api)
{
	return load_tm_api(api);
}

int ipsmgw_c_tm_ticks(str *name)
{
	str group_name = str_init("tm");
	cfg_group_t *group = NULL;
	cfg_mapping_t *var = NULL;

	if(cfg_lookup_var(&group_name, name, &group, &var) < 0
			|| group->handle == NULL || *group->handle == NULL)
		return -1;
	return *(int *)((char *)*group->handle + var->offset);
}

void ipsmgw_c_set_final_timeout(struct cell *t, unsigned int milliseconds)
{
	t->fr_timeout = MS_TO_TICKS((ticks_t)milliseconds);
	t->fr_inv_timeout = t->fr_timeout;
}

int ipsmgw_c_bind_sl(sl_api_t *api)
{
	return sl_load_api(api);
}

int ipsmgw_c_bind_uac(uac_api_t *api)
{
	return load_uac_api(api);
}

int ipsmgw_c_bind_usrloc(usrloc_api_t *api)
{
	bind_usrloc_t bind = (bind_usrloc_t)find_export("ul_bind_usrloc", 1, 0);
	return bind == NULL ? 1 : bind(api);
}

int ipsmgw_c_bind_database(const char *module, db_func_t *api)
{
	db_bind_api_f bind =
			(db_bind_api_f)find_mod_export((char *)module, "db_bind_api", 0, 0);
	return bind == NULL ? -1 : bind(api);
}

int ipsmgw_c_parse_headers(struct sip_msg *msg)
{
	return parse_headers(msg, HDR_EOH_F, 0);
}

char *ipsmgw_c_body(struct sip_msg *msg)
{
	return get_body(msg);
}

void ipsmgw_c_ip(const union sockaddr_union *of, struct ip_addr *ip)
{
	su2ip_addr(ip, (union sockaddr_union *)of);
}

unsigned short ipsmgw_c_port(const union sockaddr_union *of)
{
	return su_getport(of);
}

int ipsmgw_c_route_type(void)
{
	return get_route_type();
}

void ipsmgw_c_set_route_type(int type)
{
	set_route_type(type);
}

int ipsmgw_c_process_id(int number)
{
	return number >= 0 && number < *process_count ? pt[number].pid : -1;
}

void ipsmgw_c_cfg_update(void)
{
	cfg_update();
}

/* Kamailio declares them nowhere, but exports them. */
extern struct tcp_connection **tcpconn_id_hash;
extern gen_lock_t *tcpconn_lock;
int tcpconn_exists(int conn_id, struct ip_addr *peer_ip, int peer_port,
		struct ip_addr *local_ip, int local_port);

int ipsmgw_c_connection_fd(int id)
{
	/* This process reads the connection, so ours is not the last reference:
	 * that one must not go by tcpconn_put(), which frees nothing. */
	struct tcp_connection *connection = tcpconn_get(id, 0, 0, 0, 0);
	int fd;

	if(connection == NULL)
		return -1;
	fd = connection->fd;
	tcpconn_put(connection);
	return fd;
}

static void copy_name(char *into, int room, const str *name)
{
	int len = name->len > 0 && name->len < room ? name->len : 0;
	if(len > 0)
		memcpy(into, name->s, len);
	into[len] = '\0';
}

int ipsmgw_c_socket(int protocol, int number, ipsmgw_socket_t *into)
{
	struct socket_info **list = get_sock_info_list(protocol);
	struct socket_info *socket = list == NULL ? NULL : *list;

	while(socket != NULL && number-- > 0)
		socket = socket->next;
	if(socket == NULL)
		return 0;
	into->address = socket->address;
	into->port = socket->port_no;
	into->advertised_port = socket->useinfo.port_no;
	copy_name(
			into->advertised, sizeof(into->advertised), &socket->useinfo.name);
	copy_name(into->global, sizeof(into->global), &default_global_address);
	copy_name(
			into->global_port, sizeof(into->global_port), &default_global_port);
	return 1;
}

/* In a message of its own (RFC 7977 clause 5.1). */
static int send_in_websocket(int id, const str *octets)
{
	ws_event_info_t message = {0};
	sr_event_param_t event = {0};

	if(!sr_event_enabled(SREV_TCP_WS_FRAME_OUT))
		return -1;
	message.type = SREV_TCP_WS_FRAME_OUT;
	message.buf = octets->s;
	message.len = octets->len;
	message.id = id;
	event.data = &message;
	return sr_event_exec(SREV_TCP_WS_FRAME_OUT, &event);
}

/* The source of a connection, without a reference to it: the connection may be
 * closed meanwhile, and tcpconn_put() does not free it. */
static int copy_source(int id, struct receive_info *into)
{
	struct tcp_connection *connection;

	if(tcp_disable || tcpconn_id_hash == NULL)
		return -1;
	TCPCONN_LOCK;
	connection = tcpconn_id_hash[tcp_id_hash(id)];
	while(connection != NULL
			&& (connection->id != id || connection->state == S_CONN_BAD))
		connection = connection->id_next;
	if(connection != NULL)
		*into = connection->rcv;
	TCPCONN_UNLOCK;
	return connection == NULL ? -1 : 0;
}

int ipsmgw_c_send_on_connection(int id, const str *octets)
{
	struct receive_info source;
	struct dest_info to;

	if(copy_source(id, &source) != 0)
		return -1;
	init_dst_from_rcv(&to, &source);
	if(to.proto == PROTO_WS || to.proto == PROTO_WSS)
		return send_in_websocket(id, octets);
	to.id = id;
	to.send_flags.f |= SND_F_FORCE_CON_REUSE;
	return tcp_send(&to, NULL, octets->s, octets->len);
}

static int find_address(struct dest_info *to, int is_secure, const str *host,
		unsigned short port)
{
	char proto = is_secure ? PROTO_TLS : PROTO_TCP;
	str name = *host;

	init_dest_info(to);
	if(sip_hostport2su(&to->to, &name, port, &proto) != 0)
		return -1;
	to->proto = is_secure ? PROTO_TLS : PROTO_TCP;
	return 0;
}

int ipsmgw_c_send_to(
		int is_secure, const str *host, unsigned short port, const str *octets)
{
	struct dest_info to;

	if(find_address(&to, is_secure, host, port) != 0)
		return -1;
	to.send_sock = get_send_socket2(NULL, &to.to, to.proto, NULL);
	if(to.send_sock == NULL)
		return -1;
	return tcp_send(&to, NULL, octets->s, octets->len);
}

int ipsmgw_c_has_connection(int id)
{
	return !tcp_disable && tcpconn_exists(id, NULL, 0, NULL, 0);
}

int ipsmgw_c_is_connected(int is_secure, const str *host, unsigned short port)
{
	struct dest_info to;
	struct ip_addr ip;
	struct ip_addr any;

	if(tcp_disable || find_address(&to, is_secure, host, port) != 0)
		return 0;
	su2ip_addr(&ip, &to.to);
	ip_addr_mk_any(ip.af, &any);
	return tcpconn_exists(0, &ip, port, &any, 0);
}

struct socket_info *ipsmgw_c_tcp_socket(void)
{
	return tcp_disable ? NULL : tcp_listen;
}

static void copy_connection(
		ipsmgw_connection_t *into, struct tcp_connection *connection)
{
	/* Its reader works on it meanwhile: each pointer is read once, and what
	 * does not lie in the buffer is not looked at. */
	struct tcp_req *req = &connection->req;
	char *volatile *start_at = (char *volatile *)&req->start;
	char *volatile *pos_at = (char *volatile *)&req->pos;
	char *start = *start_at;
	char *pos = *pos_at;
	int copied = 0;
	into->id = connection->id;
	into->is_new = connection->state == S_CONN_ACCEPT;
	into->source = connection->rcv.src_ip;
	if(start >= req->buf && start < pos && pos <= req->buf + req->b_size)
		copied = pos - start;
	into->unread = copied;
	if(copied > (int)sizeof(into->head))
		copied = sizeof(into->head);
	if(copied > 0)
		memcpy(into->head, start, copied);
}

int ipsmgw_c_connections(ipsmgw_connection_t *into, int room)
{
	struct tcp_connection *connection;
	int bucket;
	int count = 0;
	if(tcp_disable || tcpconn_id_hash == NULL)
		return 0;
	TCPCONN_LOCK;
	for(bucket = 0; bucket < TCP_ID_HASH_SIZE; bucket++) {
		connection = tcpconn_id_hash[bucket];
		for(; connection != NULL && count < room;
				connection = connection->id_next) {
			if(!(connection->flags & F_CONN_PASSIVE) || connection->state < 0)
				continue;
			copy_connection(into + count, connection);
			count++;
		}
	}
	TCPCONN_UNLOCK;
	return count;
}

int ipsmgw_c_connection_count(void)
{
	struct tcp_gen_info info;
	tcp_get_info(&info);
	return info.tcp_connections_no;
}

int ipsmgw_c_close_connection(int id)
{
	long command[2];
	struct tcp_connection *connection = tcpconn_get(id, 0, 0, 0, 0);
	if(connection == NULL)
		return -1;
	/* Kamailio's main process for TCP changes its own flags at the same time,
	 * and must not lose them: it would forget what it watches. */
	__sync_fetch_and_or(&connection->send_flags.f, SND_F_CON_CLOSE);
	__sync_fetch_and_or(&connection->flags, F_CONN_FORCE_EOF);
	command[0] = (long)connection;
	command[1] = CONN_EOF; /* takes our reference, too */
	if(send_all(unix_tcp_sock, command, sizeof(command)) > 0)
		return 0;
	tcpconn_put(connection);
	return -1;
}

void ipsmgw_c_count(counter_handle_t counter)
{
	counter_inc(counter);
}

int ipsmgw_c_rpc_scan(rpc_t *rpc, void *ctx, str *word)
{
	return rpc->scan(ctx, "*.S", word);
}

void ipsmgw_c_rpc_fault(rpc_t *rpc, void *ctx, int code, const char *text)
{
	rpc->fault(ctx, code, "%s", text);
}

void *ipsmgw_c_rpc_struct(rpc_t *rpc, void *ctx)
{
	void *made = NULL;
	return rpc->add(ctx, "{", &made) < 0 ? NULL : made;
}

void *ipsmgw_c_rpc_nested(rpc_t *rpc, void *parent, const char *name)
{
	void *made = NULL;
	return rpc->struct_add(parent, "{", name, &made) < 0 ? NULL : made;
}

int ipsmgw_c_rpc_int(rpc_t *rpc, void *into, const char *name, int value)
{
	return rpc->struct_add(into, "d", name, value);
}

int ipsmgw_c_rpc_str(rpc_t *rpc, void *into, const char *name, str *value)
{
	return rpc->struct_add(into, "S", name, value);
}
